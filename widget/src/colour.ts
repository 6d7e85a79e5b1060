/** Makes any brand colour readable: text on it, and text in it on light and on dark ground (WCAG 2.2, 1.4.3). */

type Rgb = readonly [red: number, green: number, blue: number];

const CONTRAST_OF_TEXT = 4.6; // 4.5 is asked for; rounding to whole steps of a channel takes a little
const LIGHT_GROUND: Rgb = [238, 240, 243]; // the darkest ground of the light theme
const DARK_GROUND: Rgb = [43, 48, 56]; // the lightest ground of the dark theme
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];
const STEPS = 20;

export interface Inks {
  /** The colour itself. */
  accent: string;
  /** Text on the colour: black or white. */
  onAccent: string;
  /** The colour as text on the light theme's ground, and on the dark theme's. */
  onLight: string;
  onDark: string;
}

/** The inks for a CSS colour; null where it is no colour that this browser knows. */
export function inksFor(colour: string): Inks | null {
  const accent = rgbOf(colour);
  if (accent === null) return null;
  return {
    accent: css(accent),
    onAccent: css(contrast(accent, WHITE) >= CONTRAST_OF_TEXT - 0.1 ? WHITE : BLACK),
    onLight: css(readable(accent, LIGHT_GROUND, BLACK)),
    onDark: css(readable(accent, DARK_GROUND, WHITE)),
  };
}

/** The colour, mixed with as little of `end` as makes it readable on `ground`. */
function readable(colour: Rgb, ground: Rgb, end: Rgb): Rgb {
  for (let step = 0; step < STEPS; step++) {
    const mixed = mix(colour, end, step / STEPS);
    if (contrast(mixed, ground) >= CONTRAST_OF_TEXT) return mixed;
  }
  return end;
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const [red, green, blue] = from.map((value, index) => Math.round(value + (to[index]! - value) * share));
  return [red!, green!, blue!];
}

function contrast(one: Rgb, other: Rgb): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

/** Relative luminance, 0 to 1 (WCAG 2.2). */
function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** Whatever a browser takes for a colour: names, hex, rgb(), oklch(). */
function rgbOf(colour: string): Rgb | null {
  if (!CSS.supports("color", colour)) return null;
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  if (canvas === null) return null;
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return [red!, green!, blue!];
}

function css(colour: Rgb): string {
  return `rgb(${colour.join(" ")})`;
}
