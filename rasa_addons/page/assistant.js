/** Sends a message to the assistant and reads its answer, as it is written where the server can do that. */

import { asObjects, asText } from "./element.js";
import { eventsOf } from "./events.js";

const WEBHOOK = "/webhooks/rest/webhook";
// A language model on a processor without a graphics card may take a minute for a long answer.
const LONGEST_WAIT_MS = 120_000;

/** No answer came; the message is a sentence for the customer. */
export class NoAnswer extends Error {}

/**
 * @typedef {object} Listener hears of an answer while it is made
 * @property {(state: string) => void} status what is being done: "thinking", "searching" or "writing"
 * @property {(text: string) => void} draft all of the draft so far; the messages take its place
 */

/**
 * @param {string} sender the conversation
 * @param {string} message what was typed, or a button's payload
 * @param {AbortController} controller aborting it gives the request up
 * @param {Listener} listener
 * @returns {Promise<object[]>} the assistant's messages, at least one
 * @throws {NoAnswer} the server was not reached, did not answer in time, or answered with anything but messages
 */
export async function ask(sender, message, controller, listener) {
  const timer = setTimeout(() => controller.abort("too slow"), LONGEST_WAIT_MS);
  try {
    const response = await fetch(WEBHOOK, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream, application/json" },
      body: JSON.stringify({ sender, message }),
      signal: controller.signal,
    });
    if (response.status !== 200) throw new NoAnswer("Sorry, the assistant could not answer just now.");
    const type = response.headers.get("Content-Type") ?? "";
    if (type.startsWith("text/event-stream")) return await streamedMessages(response.body, listener);
    return messagesOf(await response.text());
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    if (controller.signal.reason === "too slow") throw new NoAnswer("Sorry, the answer is taking too long.");
    throw new NoAnswer("The assistant could not be reached. Please check your connection.");
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that breaks after the first message has brought an answer; before it, it has not. */
async function streamedMessages(body, listener) {
  const messages = [];
  let draft = "";
  try {
    for await (const { name, data } of eventsOf(body)) {
      if (name === "done") break;
      if (name === "status") listener.status(asText(data.state));
      else if (name === "token" && typeof data.text === "string") listener.draft((draft += data.text));
      else if (name === "message") messages.push(data);
      else if (name === "error") throw new NoAnswer(`Sorry. ${asText(data.message)}`);
    }
  } catch (error) {
    if (messages.length === 0) throw error;
  }
  if (messages.length === 0) throw new NoAnswer("Sorry, the assistant had no answer.");
  return messages;
}

function messagesOf(body) {
  let messages = [];
  try {
    messages = asObjects(JSON.parse(body));
  } catch {
    // Handled below: a page of a proxy instead of JSON is no answer either.
  }
  if (messages.length === 0) throw new NoAnswer("Sorry, the assistant had no answer.");
  return messages;
}
