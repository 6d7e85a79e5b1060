/** The events that the element tells its page. */

import type { Handoff, Thumbs } from "./wire";

/** What the host page may hear of; see docs/widget.md. */
export interface Heard {
  message: { role: "customer" | "assistant"; id: string; text: string };
  handoff: Handoff;
  feedback: { id: string; thumbs: Thumbs | null };
  error: { error: string; message: string };
  ended: { erased: boolean };
}

export type Tell = <Name extends keyof Heard>(name: Name, detail: Heard[Name]) => void;
