/** Reads Server-Sent Events from a response's body. EventSource cannot: it sends neither POST nor a token. */

import { asFields, type Fields } from "./wire";

export interface StreamEvent {
  id: string;
  name: string;
  data: Fields;
}

const BETWEEN_EVENTS = /\r\n\r\n|\n\n|\r\r/;
const BETWEEN_LINES = /\r\n|\n|\r/;

/** Yields the events whose data is JSON; comments, and what no version of the server sends, are passed over. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (pending + decoder.decode(value, { stream: true })).split(BETWEEN_EVENTS);
      pending = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parsed(block);
        if (event !== null) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined); // the connection may be gone already
  }
}

function parsed(block: string): StreamEvent | null {
  let id = "";
  let name = "message";
  const data: string[] = [];
  for (const line of block.split(BETWEEN_LINES)) {
    const [, field, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  try {
    return { id, name, data: asFields(JSON.parse(data.join("\n"))) };
  } catch {
    return null;
  }
}
