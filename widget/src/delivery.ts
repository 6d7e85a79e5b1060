/** Delivers one message and follows its answer to the end, over lost connections. */

import { Refused, Unreachable, type Channel } from "./channel";
import type { StreamEvent } from "./events";
import { asHandoff, asMessage, asSources, asText } from "./wire";
import type { Handoff, Message, Source } from "./wire";
import type { CustomerEntry } from "./store";

/** Waits between tries, in milliseconds; after the last one the customer decides. */
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000];

/** Hears of an answer while it is made. */
export interface Listener {
  begun(turn: string): void;
  activity(state: string): void;
  token(text: string): void;
  sources(sources: Source[]): void;
  message(message: Message): void;
  handoff(handoff: Handoff): void;
  /** The connection was lost; the next try comes by itself. */
  lost(): void;
}

/**
 * How it ended: "answered"; "kept" where the answer is in the server's history only; "failed" with the server's
 * sentence, where the message has been received and would have to be asked anew.
 */
export type Outcome = { kind: "answered" } | { kind: "kept" } | { kind: "failed"; sentence: string };

/**
 * @throws Refused the server did not take the message
 * @throws Unreachable it could not be reached, after several tries, or the browser is offline
 */
export async function deliver(
  channel: Channel,
  token: string,
  entry: CustomerEntry,
  listener: Listener,
  signal: AbortSignal,
): Promise<Outcome> {
  let lastEventId = "";
  let sentence = "";
  for (let tries = 0; ; ) {
    const outgoing = { key: entry.key, message: entry.payload, images: entry.images };
    const events = lastEventId ? channel.resume(token, lastEventId, signal) : channel.send(token, outgoing, signal);
    try {
      for await (const event of events) {
        tries = 0;
        if (event.id) {
          if (!lastEventId) listener.begun(turnOf(event.id));
          lastEventId = event.id;
        }
        if (event.name === "done") return sentence ? { kind: "failed", sentence } : { kind: "answered" };
        if (event.name === "error") sentence = asText(event.data.message);
        tell(listener, event);
      }
    } catch (error) {
      if (error instanceof Refused) {
        const kept = error.status === 410 || error.code === "already_received";
        if (kept || (lastEventId && error.status === 404)) return { kind: "kept" };
        throw error;
      }
      if (signal.aborted) throw error;
    }
    // The connection ended without `done`, or could not be made.
    const wait = WAITS_MS[tries++];
    listener.lost();
    if (wait === undefined || !navigator.onLine) throw new Unreachable("no connection");
    await pause(wait, signal);
  }
}

/** An event's id is its turn's, a colon and a number. */
function turnOf(id: string): string {
  return id.slice(0, id.lastIndexOf(":"));
}

function tell(listener: Listener, { name, data }: StreamEvent): void {
  if (name === "status") listener.activity(asText(data.state));
  else if (name === "token") listener.token(typeof data.text === "string" ? data.text : "");
  else if (name === "sources") listener.sources(asSources(data.sources));
  else if (name === "message") listener.message(asMessage(data));
  else if (name === "handoff") {
    const handoff = asHandoff(data);
    if (handoff) listener.handoff(handoff);
  }
}

/** Resolves after a while, or as soon as the browser is online again; rejects when aborted. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const end = (settle: () => void) => (): void => {
      ended.abort();
      clearTimeout(timer);
      settle();
    };
    const timer = setTimeout(end(resolve), milliseconds);
    addEventListener("online", end(resolve), { signal: ended.signal });
    signal.addEventListener("abort", end(() => reject(new Unreachable("aborted"))), { signal: ended.signal });
  });
}
