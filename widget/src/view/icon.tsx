/** Line icons, drawn in the text's colour on a field of 24 by 24. */

import type { VNode } from "preact";

const PATHS = {
  chat: "M5 5h14a2.5 2.5 0 0 1 2.5 2.5v7A2.5 2.5 0 0 1 19 17h-6.5L8 21v-4H5a2.5 2.5 0 0 1-2.5-2.5v-7A2.5 2.5 0 0 1 5 5zM8 11h.01M12 11h.01M16 11h.01",
  down: "m5.5 9 6.5 6.5L18.5 9",
  close: "M6 6l12 12M18 6 6 18",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  stop: "M8 8h8v8H8z",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  check: "m5 12.5 4.5 4.5L19 7.5",
  up: "M7 11v9H4v-9zM7 11l4-8c1.7 0 2.6 1 2.4 2.7L13 9h5.5a2 2 0 0 1 2 2.4l-1.3 6.9a2 2 0 0 1-2 1.7H7",
  thumbsDown: "M7 13V4H4v9zM7 13l4 8c1.7 0 2.6-1 2.4-2.7L13 15h5.5a2 2 0 0 0 2-2.4l-1.3-6.9a2 2 0 0 0-2-1.7H7",
  retry: "M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5",
  photo: "M4 5h16v14H4zM4 16l5-5 4.5 4.5L16 13l4 4M15.5 9h.01",
  microphone: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  speaker: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  article: "M6 3h9l4 4v14H6zM15 3v4h4M9.5 12h6M9.5 16h6",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20.5a7.5 7.5 0 0 1 15 0",
  download: "M12 4v11M6.5 10 12 15.5 17.5 10M5 20h14",
  plus: "M12 5v14M5 12h14",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  class?: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
}

/** A button that is an icon; its label is its name and its tip. */
export function IconButton({ icon, label, pressed, disabled, onClick, ...rest }: IconButtonProps): VNode {
  return (
    <button
      type="button"
      class={`icon-button ${rest.class ?? ""}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-disabled={disabled}
      onClick={() => disabled || onClick()}
    >
      <Icon name={icon} />
    </button>
  );
}
