/** The list of messages: adds bubbles, cards, choices and notices to it, and decides when it scrolls. */

import { pictureAddress, renderCustom } from "./cards.js";
import { asObjects, asText, element, unseen } from "./element.js";
import { firstParagraph, link, renderText } from "./text.js";

const AT_BOTTOM_PX = 60; // a reader this close to the end counts as being there
const GAP_ABOVE_ANSWER_PX = 16;

export class ChatLog {
  /**
   * @param {HTMLElement} scroller the element that scrolls, with role="log"
   * @param {HTMLElement} list where messages go
   * @param {HTMLButtonElement} jump leads to the end; shown while there is something unread below
   * @param {(text: string, payload: string) => void} onChoice a button of the assistant was pressed
   */
  constructor(scroller, list, jump, onChoice) {
    this.scroller = scroller;
    this.list = list;
    this.jump = jump;
    this.onChoice = onChoice;
    this.last = null; // what stands under the messages: choices, the typing indicator or a notice
    this.following = true; // whether the reader is at the end; kept because a resize changes what can be measured
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    // The message box grows and a phone's keyboard opens at the cost of this area: its end stays in view.
    new ResizeObserver(() => this.following && this.scrollToEnd()).observe(scroller);
    jump.addEventListener("click", () => {
      this.scrollToEnd();
      scroller.focus({ preventScroll: true });
    });
  }

  clear() {
    this.list.replaceChildren();
    this.last = null;
    this.jump.hidden = true;
  }

  addUser(text) {
    const bubble = element("div", "bubble", text);
    bubble.dir = "auto";
    this.list.append(element("div", "message user", unseen("You:"), bubble));
  }

  /** Says under the customer's last message that it got no answer: they went on without a retry. */
  markUnanswered() {
    const messages = this.list.querySelectorAll(".message.user");
    messages[messages.length - 1].append(element("p", "unanswered", "Not answered"));
  }

  /** Adds the assistant's messages; follows them only if the reader was at the end before. */
  addAnswer(messages) {
    const follow = this.atBottom();
    const nodes = messages.map((message) => this.botMessage(message));
    this.list.append(...nodes);
    this.showChoices(messages);
    if (follow) this.scrollToAnswer(nodes[0]);
    this.jump.hidden = this.atBottom();
  }

  /** The buttons of the last answer, under its last message. */
  showChoices(messages) {
    const offered = messages.flatMap((message) => [...asObjects(message.buttons), ...asObjects(message.quick_replies)]);
    const buttons = offered.map((choice) => this.choiceButton(asText(choice.title), asText(choice.payload)));
    const shown = buttons.filter((button) => button !== null);
    if (shown.length === 0) return this.show(null);
    const group = element("div", "choices", ...shown);
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Suggested answers");
    return this.show(group);
  }

  showTyping() {
    const dots = element("div", "bubble dots", element("i", ""), element("i", ""), element("i", ""));
    const node = element("div", "message bot typing", dots);
    node.setAttribute("aria-hidden", "true"); // the page's status line says it in words
    this.show(node);
  }

  /** What is written so far, above the typing indicator; hidden from screen readers, which get the whole answer. */
  showDraft(text) {
    const typing = this.last;
    if (!typing?.classList.contains("typing")) return;
    const follow = this.atBottom();
    const shown = typing.querySelector(".draft");
    const bubble = shown ?? element("div", "bubble draft");
    bubble.dir = "auto";
    bubble.replaceChildren(renderText(text));
    if (shown === null) typing.prepend(bubble);
    if (follow) this.scrollToAnswer(typing);
    this.jump.hidden = this.atBottom();
  }

  showProblem(sentence, onRetry) {
    const follow = this.atBottom();
    const retry = element("button", "choice", "Retry");
    retry.type = "button";
    retry.addEventListener("click", onRetry);
    this.show(element("div", "problem", element("p", "", sentence), retry));
    if (follow) this.scrollToEnd();
    else this.jump.hidden = false;
  }

  /** Puts a node under the messages in place of the one there. */
  show(node) {
    this.last?.remove();
    this.last = node;
    if (node !== null) this.list.append(node);
  }

  scrolled() {
    this.following = this.atBottom();
    if (this.following) this.jump.hidden = true;
  }

  atBottom() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight <= AT_BOTTOM_PX;
  }

  scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.jump.hidden = true;
  }

  /** To the end, but never past the beginning of a long answer. */
  scrollToAnswer(first) {
    const above = first.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    const answerTop = this.scroller.scrollTop + above - GAP_ABOVE_ANSWER_PX;
    this.scroller.scrollTop = Math.min(this.scroller.scrollHeight, answerTop);
  }

  botMessage(message) {
    const card = renderCustom(message.custom, (text, payload) => this.onChoice(text, payload));
    const text = asText(message.text);
    // A message says so where the rest of its text only lists what the card shows, for clients without cards.
    const replaced = card !== null && message.custom.replaces_text === true;
    const shownText = replaced ? firstParagraph(text) : text;
    const node = element("div", "message bot", unseen("Assistant:"));
    if (shownText) {
      const bubble = element("div", "bubble", renderText(shownText));
      bubble.dir = "auto";
      node.append(bubble);
    }
    if (card !== null) node.append(card);
    const image = asText(message.image);
    if (image) node.append(this.image(image));
    const sources = asObjects(message.sources).filter((source) => asText(source.title));
    if (sources.length) node.append(element("ul", "sources", ...sources.map(sourceLine)));
    return node;
  }

  /** The picture itself where the page may load it, otherwise a link to it. */
  image(value) {
    const address = pictureAddress(value);
    if (address === null) return link(value, "image-link", "Open the picture");
    const image = element("img", "image");
    image.alt = "Picture from the assistant";
    image.addEventListener("error", () => image.remove());
    image.addEventListener("load", () => (this.jump.hidden = this.atBottom()));
    image.src = address;
    return image;
  }

  choiceButton(title, payload) {
    if (!title) return null;
    const button = element("button", "choice", title);
    button.type = "button";
    button.dir = "auto";
    button.addEventListener("click", () => this.onChoice(title, payload || title));
    return button;
  }
}

function sourceLine(source) {
  const title = link(source.url, "", asText(source.title));
  title.dir = "auto";
  return element("li", "", "Source: ", title);
}
