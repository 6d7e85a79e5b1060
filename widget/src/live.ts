/** What goes on while an answer is awaited, and the way to the browser's other tabs, which show it, too. */

import { asFields, asSources, asText } from "./wire";
import type { Source } from "./wire";

/** What goes on beside what is kept. */
export interface Live {
  /** "" while nothing is awaited. */
  activity: "" | "thinking" | "searching" | "writing" | "reconnecting";
  draft: string;
  draftSources: Source[];
}

export const IDLE: Live = { activity: "", draft: "", draftSources: [] };
const WHAT_GOES_ON = "what goes on?"; // a tab that has just been opened asks the others

export class Tabs {
  private readonly channel: BroadcastChannel;

  /**
   * @param name the conversation's, as its store has it
   * @param here what goes on in this tab; null: nothing does
   * @param heard is told what goes on in another one
   */
  constructor(
    name: string,
    private readonly here: () => Live | null,
    heard: (live: Live) => void,
  ) {
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data === WHAT_GOES_ON) this.tell();
      else heard(asLive(data));
    };
    this.channel.postMessage(WHAT_GOES_ON);
  }

  /** Tells the others what goes on here. */
  tell(): void {
    const live = this.here();
    if (live) this.channel.postMessage(live);
  }

  close(): void {
    this.channel.close();
  }
}

/** What another tab says; it may have another version of the widget. */
function asLive(value: unknown): Live {
  const { activity, draft, draftSources } = asFields(value);
  const known = (["thinking", "searching", "writing", "reconnecting"] as const).find((each) => each === activity);
  return { activity: known ?? "", draft: asText(draft), draftSources: asSources(draftSources) };
}
