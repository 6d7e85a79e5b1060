/** Keeps one conversation for as long as its browser tab is open: who asks, what was said, what is half typed. */

const CONVERSATION = "frontdesk.conversation";
const DRAFT = "frontdesk.draft";
const SENDER_BYTES = 16; // 128 random bits: nobody can guess another customer's conversation
const MOST_ENTRIES = 300; // keeps the transcript well below the 5 MB that browsers store

/**
 * An entry is `{from: "user", text, payload, state}` or `{from: "bot", message}`. `state` of a user's entry is
 * "waiting" until its answer is there, then "answered" or "failed"; a failed one has a `problem`, the sentence to show.
 */
export class Conversation {
  constructor(sender, entries) {
    this.sender = sender;
    this.entries = entries;
  }

  static fresh() {
    const conversation = new Conversation(randomSender(), []);
    conversation.save();
    return conversation;
  }

  /** The tab's conversation, or a new one where there is none that can be read. */
  static restored() {
    const stored = read(CONVERSATION);
    if (stored === null) return Conversation.fresh();
    try {
      const { sender, entries } = JSON.parse(stored);
      if (typeof sender === "string" && sender !== "") return new Conversation(sender, entries.filter(isEntry));
    } catch (error) {
      console.warn("The stored conversation cannot be read; a new one begins.", error);
    }
    return Conversation.fresh();
  }

  add(entry) {
    this.entries.push(entry);
    this.entries.splice(0, this.entries.length - MOST_ENTRIES);
    this.save();
    return entry;
  }

  last() {
    return this.entries.at(-1);
  }

  /** What the assistant said since the customer's last message. */
  lastAnswer() {
    const after = this.entries.findLastIndex((entry) => entry.from === "user") + 1;
    return this.entries.slice(after).map((entry) => entry.message);
  }

  save() {
    write(CONVERSATION, JSON.stringify({ sender: this.sender, entries: this.entries }));
  }
}

export function savedDraft() {
  return read(DRAFT) ?? "";
}

export function saveDraft(text) {
  write(DRAFT, text);
}

/** A tab may hold what an older version of this page stored. */
function isEntry(entry) {
  if (entry?.from === "user") return typeof entry.text === "string" && typeof entry.payload === "string";
  return entry?.from === "bot" && typeof entry.message === "object" && entry.message !== null;
}

function randomSender() {
  const bytes = crypto.getRandomValues(new Uint8Array(SENDER_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A browser may forbid storage or be out of it. The chat then works on, but a reload begins a new conversation.
function read(key) {
  try {
    return sessionStorage.getItem(key);
  } catch (error) {
    console.warn("The browser forbids session storage: a reload will begin a new conversation.", error);
    return null;
  }
}

function write(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch (error) {
    console.warn("The conversation could not be stored: a reload will lose its latest part.", error);
  }
}
