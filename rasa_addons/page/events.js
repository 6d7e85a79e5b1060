/** Reads Server-Sent Events from the body of a response. EventSource cannot be used for that: it only sends GET. */

const BETWEEN_EVENTS = /\r\n\r\n|\n\n|\r\r/;
const BETWEEN_LINES = /\r\n|\n|\r/;

/**
 * @param {ReadableStream<Uint8Array>} body
 * @yields {{name: string, data: object}} events whose data is a JSON object; comments and others are passed over
 */
export async function* eventsOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (pending + decoder.decode(value, { stream: true })).split(BETWEEN_EVENTS);
      pending = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event !== null) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection may be gone already
  }
}

function parsed(block) {
  let name = "message";
  const data = [];
  for (const line of block.split(BETWEEN_LINES)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  try {
    const content = JSON.parse(data.join("\n"));
    return typeof content === "object" && content !== null && !Array.isArray(content) ? { name, data: content } : null;
  } catch {
    return null; // a comment, or what no version of the server sends
  }
}
