/** What outlives a reload and is shared by the tabs of a browser: the session and what was said. */

import { asHandoff, asMessage, asFields, asList, asText } from "./wire";
import type { Handoff, History, Message, Session, Thumbs } from "./wire";

/** "queued" waits to be sent, "sending" awaits its answer, "sent" has it, "failed" waits for the customer. */
export type Delivery = "queued" | "sending" | "sent" | "failed";

export interface CustomerEntry {
  from: "customer";
  /** The idempotency key. */
  key: string;
  text: string;
  /** What is sent: the text, or a button's payload. */
  payload: string;
  images: string[];
  delivery: Delivery;
  /** The turn that answers, once it has begun. */
  turn: string;
  /** Why it failed, for the customer. */
  problem: string;
  at: string;
}

export interface AssistantEntry {
  from: "assistant";
  message: Message;
  thumbs: Thumbs | null;
  at: string;
}

export interface NoticeEntry {
  from: "notice";
  /** The conversation had expired, and a new one began. */
  notice: "expired";
  at: string;
}

export type Entry = CustomerEntry | AssistantEntry | NoticeEntry;

export interface Saved {
  session: Session | null;
  entries: Entry[];
  handoff: Handoff | null;
  unread: number;
}

const MOST_ENTRIES = 200; // keeps a conversation well below the 5 MB that browsers store
const KEY_BYTES = 16;

export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function isOpen(entry: Entry): entry is CustomerEntry {
  return entry.from === "customer" && (entry.delivery === "queued" || entry.delivery === "sending");
}

export class Store {
  private current: Saved;
  private readonly listeners = new Set<() => void>();

  /** @param name one store for each channel; pages of an origin share it */
  constructor(private readonly name: string) {
    this.current = this.read() ?? empty();
  }

  get saved(): Saved {
    return this.current;
  }

  /** What is half typed; of this tab alone. */
  get typed(): string {
    try {
      return sessionStorage.getItem(this.name) ?? "";
    } catch {
      return "";
    }
  }

  set typed(text: string) {
    try {
      sessionStorage.setItem(this.name, text);
    } catch {
      // Storage is forbidden or full: a reload loses what is half typed.
    }
  }

  /** Applies a change to the newest state, which another tab may have written. */
  update(change: (saved: Saved) => void): void {
    const saved = this.read() ?? this.current;
    change(saved);
    saved.entries.splice(0, saved.entries.length - MOST_ENTRIES);
    this.current = saved;
    try {
      localStorage.setItem(this.name, JSON.stringify(saved));
    } catch {
      // Storage is forbidden or full: the chat works on, and a reload begins anew.
    }
    this.tell();
  }

  /** Forgets the conversation, all of it. */
  clear(): void {
    this.update((saved) => Object.assign(saved, empty()));
  }

  customer(key: string, change: (entry: CustomerEntry) => void): void {
    this.update((saved) => {
      const entry = saved.entries.find((each) => each.from === "customer" && each.key === key);
      if (entry?.from === "customer") change(entry);
    });
  }

  /** Adds a message that is not there yet; returns whether it was new. */
  assistant(message: Message): boolean {
    let added = false;
    this.update((saved) => {
      if (saved.entries.some((each) => each.from === "assistant" && each.message.id === message.id)) return;
      const entry: Entry = { from: "assistant", message, thumbs: null, at: new Date().toISOString() };
      // Before what the customer wrote in the meantime, which has yet to be sent.
      const waiting = saved.entries.findIndex((each) => each.from === "customer" && each.delivery === "queued");
      saved.entries.splice(waiting < 0 ? saved.entries.length : waiting, 0, entry);
      added = true;
    });
    return added;
  }

  /** Takes the server's memory for true; what it has not received stays below it. */
  take(history: History): void {
    const known = new Set(history.entries.map(({ message }) => message.id));
    this.update((saved) => {
      const unsent = saved.entries.filter(
        (entry) => entry.from === "customer" && entry.delivery !== "sent" && !known.has(entry.turn),
      );
      saved.handoff = history.handoff;
      saved.entries = history.entries.map(({ role, at, message }) =>
        role === "assistant"
          ? { from: "assistant", message, thumbs: history.feedback[message.id] ?? null, at }
          : { ...customerEntry(message.text, message.text), key: message.id, turn: message.id, delivery: "sent", at },
      );
      saved.entries.push(...unsent);
    });
  }

  /** Calls `listener` after every change, also of another tab. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    const other = (event: StorageEvent): void => {
      if (event.key !== this.name && event.key !== null) return;
      this.current = this.read() ?? empty();
      listener();
    };
    this.listeners.add(listener);
    addEventListener("storage", other);
    return () => {
      this.listeners.delete(listener);
      removeEventListener("storage", other);
    };
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private read(): Saved | null {
    try {
      const stored = localStorage.getItem(this.name);
      return stored === null ? null : restored(JSON.parse(stored));
    } catch {
      return null; // forbidden, or not of this form
    }
  }
}

export function customerEntry(text: string, payload: string, images: string[] = []): CustomerEntry {
  const at = new Date().toISOString();
  return { from: "customer", key: randomKey(), text, payload, images, delivery: "queued", turn: "", problem: "", at };
}

function empty(): Saved {
  return { session: null, entries: [], handoff: null, unread: 0 };
}

/** Another version of the widget may have written it: what cannot be read is left out. */
function restored(value: unknown): Saved {
  const { session, entries, handoff, unread } = asFields(value);
  const { token, madeAt, expiresAt } = asFields(session);
  const { ticket, openNow, answerBy, ahead } = asFields(handoff);
  return {
    session: token ? { token: asText(token), madeAt: Number(madeAt), expiresAt: Number(expiresAt) } : null,
    entries: asList(entries).map(restoredEntry).filter((entry) => entry !== null),
    handoff: asHandoff({ ticket, open_now: openNow, answer_by: answerBy, ahead }),
    unread: Number(unread) || 0,
  };
}

function restoredEntry(value: unknown): Entry | null {
  const fields = asFields(value);
  const at = asText(fields.at);
  if (fields.from === "assistant") {
    const thumbs = fields.thumbs === "up" || fields.thumbs === "down" ? fields.thumbs : null;
    return { from: "assistant", message: asMessage(asFields(fields.message)), thumbs, at };
  }
  if (fields.from === "notice") return fields.notice === "expired" ? { from: "notice", notice: "expired", at } : null;
  const delivery = (["queued", "sending", "sent", "failed"] as const).find((each) => each === fields.delivery);
  if (fields.from !== "customer" || !delivery) return null;
  return {
    from: "customer",
    key: asText(fields.key),
    text: asText(fields.text),
    payload: asText(fields.payload),
    images: asList(fields.images).map(asText),
    delivery,
    turn: asText(fields.turn),
    problem: asText(fields.problem),
    at,
  };
}
