/** Sends a message to the assistant and reads its answer. */

import { asObjects } from "./element.js";

const WEBHOOK = "/webhooks/rest/webhook";
// A language model on a processor without a graphics card may take a minute for a long answer.
const LONGEST_WAIT_MS = 120_000;

/** No answer came; the message is a sentence for the customer. */
export class NoAnswer extends Error {}

/**
 * @param {string} sender the conversation
 * @param {string} message what was typed, or a button's payload
 * @param {AbortController} controller aborting it gives the request up
 * @returns {Promise<object[]>} the assistant's messages, at least one
 * @throws {NoAnswer} the server was not reached, did not answer in time, or answered with anything but messages
 */
export async function ask(sender, message, controller) {
  const timer = setTimeout(() => controller.abort("too slow"), LONGEST_WAIT_MS);
  try {
    const response = await fetch(WEBHOOK, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sender, message }),
      signal: controller.signal,
    });
    if (response.status !== 200) throw new NoAnswer("Sorry, the assistant could not answer just now.");
    return messagesOf(await response.text());
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    if (controller.signal.reason === "too slow") throw new NoAnswer("Sorry, the answer is taking too long.");
    throw new NoAnswer("The assistant could not be reached. Please check your connection.");
  } finally {
    clearTimeout(timer);
  }
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
