/** What the channel sends (docs/web-channel.md), read with care: a field of another form counts as missing. */

export interface Button {
  title: string;
  payload: string;
}

export interface Source {
  number: number | null;
  title: string;
  url: string;
}

/** A message of the assistant. `custom` is read by whoever draws it. */
export interface Message {
  id: string;
  text: string;
  image: string;
  buttons: Button[];
  sources: Source[];
  custom: Fields | null;
}

export interface Handoff {
  ticket: string;
  openNow: boolean;
  answerBy: string;
  ahead: number | null;
}

export interface Config {
  name: string;
  colour: string;
  language: string;
  features: { feedback: boolean; erase: boolean; identity: boolean; images: boolean };
  limits: { messageCharacters: number; commentCharacters: number };
  images: { types: string[]; bytes: number };
}

export interface Session {
  token: string;
  /** Milliseconds since 1970. */
  madeAt: number;
  expiresAt: number;
}

export interface HistoryEntry {
  role: "customer" | "assistant";
  at: string;
  message: Message;
}

export interface History {
  entries: HistoryEntry[];
  handoff: Handoff | null;
  feedback: Record<string, Thumbs>;
}

export type Thumbs = "up" | "down";
export type Fields = Record<string, unknown>;

export function asFields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** A text, or a number as one; anything else is "". */
export function asText(value: unknown): string {
  if (typeof value === "string") return value.trim();
  return typeof value === "number" && Number.isFinite(value) ? String(value) : "";
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of a list, each as its fields; what is no object is left out. */
export function asObjects(value: unknown): Fields[] {
  return asList(value)
    .map(asFields)
    .filter((fields) => Object.keys(fields).length > 0);
}

function asNumber(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : otherwise;
}

export function asSources(value: unknown): Source[] {
  return asObjects(value)
    .map(({ number, title, url }) => ({
      number: typeof number === "number" ? number : null,
      title: asText(title) || asText(url),
      url: asText(url),
    }))
    .filter((source) => source.title !== "");
}

export function asMessage(fields: Fields): Message {
  const text = typeof fields.text === "string" ? fields.text : "";
  const offered = [...asObjects(fields.buttons), ...asObjects(fields.quick_replies)];
  const buttons = offered
    .map(({ title, payload }) => ({ title: asText(title), payload: asText(payload) || asText(title) }))
    .filter((button) => button.title !== "");
  const custom = asFields(fields.custom);
  return {
    id: asText(fields.id),
    text,
    image: asText(fields.image),
    buttons,
    sources: asSources(fields.sources),
    custom: asText(custom.type) ? custom : null,
  };
}

export function asHandoff(value: unknown): Handoff | null {
  const fields = asFields(value);
  const ticket = asText(fields.ticket);
  if (!ticket) return null;
  return {
    ticket,
    openNow: fields.open_now === true,
    answerBy: asText(fields.answer_by),
    ahead: typeof fields.ahead === "number" ? fields.ahead : null,
  };
}

export function asConfig(value: unknown): Config {
  const fields = asFields(value);
  const features = asFields(fields.features);
  const limits = asFields(fields.limits);
  const images = asFields(fields.images);
  return {
    name: asText(fields.name),
    colour: asText(fields.colour),
    language: asText(fields.language) || "en",
    features: {
      feedback: features.feedback === true,
      erase: features.erase === true,
      identity: features.identity === true,
      images: features.images === true,
    },
    limits: {
      messageCharacters: asNumber(limits.message_characters, 2000),
      commentCharacters: asNumber(limits.comment_characters, 1000),
    },
    images: { types: asList(images.types).map(asText).filter(Boolean), bytes: asNumber(images.bytes, 0) },
  };
}

export function asSession(value: unknown): Session {
  const fields = asFields(value);
  const now = Date.now();
  // The server's clock and this one may differ: how long counts, not until when.
  return { token: asText(fields.token), madeAt: now, expiresAt: now + asNumber(fields.expires_in, 3600) * 1000 };
}

export function asHistory(value: unknown): History {
  const fields = asFields(value);
  const feedback: Record<string, Thumbs> = {};
  for (const [id, thumbs] of Object.entries(asFields(fields.feedback))) {
    if (thumbs === "up" || thumbs === "down") feedback[id] = thumbs;
  }
  return {
    entries: asObjects(fields.messages).map((message) => ({
      role: message.role === "customer" ? "customer" : "assistant",
      at: asText(message.at),
      message: asMessage(message),
    })),
    handoff: asHandoff(fields.handoff),
    feedback,
  };
}
