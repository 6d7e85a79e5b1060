/** The chat page: takes what the customer types or presses, sends it, and keeps the page in step with the conversation. */

import { NoAnswer, ask } from "./assistant.js";
import { ChatLog } from "./log.js";
import { Conversation, saveDraft, savedDraft } from "./store.js";

const MOST_CHARACTERS = 2000; // the server's default limit
const COUNT_FROM = 1800;
const TALLEST_INPUT_PX = 160;
const DOING = {
  thinking: "The assistant is writing.",
  searching: "The assistant is searching the help articles.",
  writing: "The assistant is writing.",
};
const RELOADED = "The page was reloaded before the answer came.";

const byId = (id) => document.getElementById(id);
const input = byId("input");
const composer = byId("composer");
const status = byId("status");

const log = new ChatLog(byId("log"), byId("messages"), byId("jump"), choose);
let conversation = Conversation.restored();
let request = null; // the AbortController of the request under way

restore();
composer.addEventListener("submit", (event) => {
  event.preventDefault();
  sendInput();
});
input.addEventListener("keydown", (event) => {
  // Enter that confirms a word of an input method editor is not the customer's Enter.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  sendInput();
});
input.addEventListener("input", inputChanged);
byId("suggestions").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) suggest(button.textContent.trim());
});
byId("new-conversation").addEventListener("click", startAgain);

function restore() {
  const { scroller } = log;
  // Without this, screen readers would read the whole transcript after a reload.
  scroller.setAttribute("aria-busy", "true");
  for (const entry of conversation.entries) {
    if (entry.from === "bot") {
      log.list.append(log.botMessage(entry.message));
    } else {
      log.addUser(entry.text);
      if (entry.state === "failed" && entry !== conversation.last()) log.markUnanswered();
    }
  }
  log.showChoices(conversation.lastAnswer());
  const last = conversation.last();
  if (last?.from === "user") fail(last, last.problem ?? RELOADED);
  log.scrollToEnd();
  scroller.removeAttribute("aria-busy");
  input.value = savedDraft();
  inputChanged();
}

/** Sends what is typed, if it may be sent now; otherwise it stays where it is. */
function sendInput() {
  const text = input.value.trim();
  if (text === "" || request !== null) return;
  if (characters(text) > MOST_CHARACTERS) {
    status.textContent = byId("counter").textContent;
    return;
  }
  setInput("");
  send(text, text);
}

/** A suggestion goes through the input, unless a half-typed message stands there: that one is kept. */
function suggest(text) {
  if (input.value.trim() === "") {
    setInput(text);
    input.focus({ preventScroll: true });
    sendInput();
  } else if (request === null) {
    send(text, text);
  }
}

/** A button of the assistant: its title is what the customer says, its payload what is sent. */
function choose(text, payload) {
  if (request !== null) return;
  send(text, payload);
  focusAfterButton();
}

function send(text, payload) {
  if (conversation.last()?.state === "failed") log.markUnanswered();
  const entry = conversation.add({ from: "user", text, payload, state: "waiting" });
  log.addUser(text);
  deliver(entry);
}

async function deliver(entry) {
  const controller = new AbortController();
  request = controller;
  entry.state = "waiting";
  delete entry.problem;
  conversation.save();
  log.showTyping();
  log.scrollToEnd();
  waitingChanged(DOING.thinking);
  const listener = {
    status: (state) => request === controller && state in DOING && showDoing(DOING[state]),
    draft: (text) => request === controller && log.showDraft(text),
  };
  try {
    const messages = await ask(conversation.sender, entry.payload, controller, listener);
    if (request !== controller) return; // a new conversation began meanwhile
    log.addAnswer(messages);
    entry.state = "answered";
    for (const message of messages) conversation.add({ from: "bot", message });
  } catch (error) {
    if (request !== controller) return;
    const foreseen = error instanceof NoAnswer;
    fail(entry, foreseen ? error.message : "Sorry, the answer could not be shown.");
    if (!foreseen) throw error; // a fault of this page: the browser's console gets it whole
  } finally {
    if (request === controller) {
      request = null;
      waitingChanged("");
    }
  }
}

/** Says what went wrong and offers to send the message again. */
function fail(entry, problem) {
  entry.state = "failed";
  entry.problem = problem;
  conversation.save();
  log.showProblem(`${problem} Your message is kept.`, () => {
    focusAfterButton();
    deliver(entry);
  });
}

function startAgain() {
  request?.abort("new conversation");
  request = null;
  conversation = Conversation.fresh();
  log.clear();
  waitingChanged("A new conversation has begun.");
  log.scroller.scrollTop = 0;
  focusAfterButton();
}

/** The pressed button is gone: focus must not fall back to the page. On a phone the input would open the keyboard. */
function focusAfterButton() {
  const target = matchMedia("(pointer: coarse)").matches ? log.scroller : input;
  target.focus({ preventScroll: true });
}

function setInput(text) {
  input.value = text;
  inputChanged();
}

function inputChanged() {
  saveDraft(input.value);
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight, TALLEST_INPUT_PX)}px`;
  const count = characters(input.value.trim());
  const counter = byId("counter");
  const tooMany = count - MOST_CHARACTERS;
  counter.classList.toggle("over", tooMany > 0);
  if (tooMany > 0) counter.textContent = `${tooMany} too many: please shorten your message`;
  else counter.textContent = count >= COUNT_FROM ? `${count} of ${MOST_CHARACTERS} characters` : "";
  input.setAttribute("aria-invalid", String(tooMany > 0));
  sendableChanged(count);
}

/** A screen reader would say the same words again. */
function showDoing(words) {
  if (status.textContent !== words) status.textContent = words;
}

function waitingChanged(words) {
  status.textContent = words;
  sendableChanged(characters(input.value.trim()));
}

/** Not `disabled`: that would drop the focus of somebody who just pressed it. */
function sendableChanged(count) {
  const sendable = request === null && count > 0 && count <= MOST_CHARACTERS;
  byId("send").setAttribute("aria-disabled", String(!sendable));
}

/** Counts as the server does: in characters, not in UTF-16 units. */
function characters(text) {
  return Array.from(text).length;
}
