/** Chooses the language of the widget's own texts. What the assistant says is the assistant's. */

import { de } from "./de";
import { en, type Texts } from "./en";
import { zh } from "./zh";

export type { Texts } from "./en";

const LANGUAGES: Record<string, Texts> = { en, de, zh };

/** The first of these languages (BCP 47) that the widget has, or English. */
export function textsFor(...languages: (string | null)[]): { language: string; texts: Texts } {
  for (const language of languages) {
    const texts = LANGUAGES[language?.split("-")[0]?.toLowerCase() ?? ""];
    if (language && texts) return { language, texts };
  }
  return { language: "en", texts: en };
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
