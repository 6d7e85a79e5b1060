/** Turns the assistant's text into DOM nodes: paragraphs, line breaks, lists, bold and links. Everything else stays text. */

import { element } from "./element.js";

const LINK_SCHEMES = new Set(["http:", "https:", "mailto:"]);
const BULLET = /^\s*- +(.*)$/;
const NUMBER = /^\s*(\d{1,3})\. +(.*)$/;
// **bold**, [text](address), a bare address. Addresses may hold one level of brackets, as some page names do.
const INLINE =
  /\*\*(\S(?:.*?\S)?)\*\*|\[([^[\]\n]+)\]\(((?:[^\s()]|\([^\s()]*\))+)\)|(https?:\/\/[^\s<>"]+)/g;
const AFTER_ADDRESS = /[.,:;!?'*\]]+$/;

/** An absolute http, https or mailto address in its normal form, or null if a link must not lead there. */
export function safeAddress(value) {
  let address;
  try {
    address = new URL(value);
  } catch {
    return null;
  }
  // `https://shop.example@elsewhere.example` shows one host and leads to another.
  const disguised = address.username !== "" || address.password !== "";
  return LINK_SCHEMES.has(address.protocol) && !disguised ? address.href : null;
}

/** A link that opens beside the chat, or just its children where the address is not allowed. */
export function link(address, className, ...children) {
  const href = typeof address === "string" ? safeAddress(address) : null;
  if (href === null) return element("span", className, ...children);
  const anchor = element("a", className, ...children);
  anchor.href = href;
  anchor.rel = "noopener";
  anchor.target = "_blank";
  return anchor;
}

/** The text before the first blank line. */
export function firstParagraph(text) {
  return text.trim().split(/\n[^\S\n]*\n/, 1)[0];
}

/** @returns {DocumentFragment} block elements */
export function renderText(text) {
  const fragment = document.createDocumentFragment();
  let block = null; // the paragraph or list that the next line may continue
  for (const line of text.replaceAll("\r\n", "\n").split("\n")) {
    const bullet = BULLET.exec(line);
    const number = bullet ? null : NUMBER.exec(line);
    if (line.trim() === "") {
      block = null;
    } else if (bullet || number) {
      const tag = bullet ? "UL" : "OL";
      if (block?.tagName !== tag) {
        block = element(tag, "");
        if (number) block.start = Number(number[1]);
        fragment.append(block);
      }
      block.append(element("li", "", inline(bullet ? bullet[1] : number[2])));
    } else if (block?.tagName === "P") {
      block.append(document.createElement("br"), inline(line));
    } else if (block && /^\s{2,}/.test(line)) {
      // An indented line goes on with the list item above it.
      block.lastElementChild.append(document.createElement("br"), inline(line.trim()));
    } else {
      block = element("p", "", inline(line));
      fragment.append(block);
    }
  }
  return fragment;
}

function inline(text, withinBold = false) {
  const fragment = document.createDocumentFragment();
  let done = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, bold, title, target, bare] = match;
    const node = inlineNode({ bold, title, target, bare }, withinBold);
    if (node === null) continue;
    fragment.append(text.slice(done, match.index), node);
    done = match.index + whole.length;
  }
  fragment.append(text.slice(done));
  return fragment;
}

/** The node for one match, or null where it has to stay as it was written. */
function inlineNode({ bold, title, target, bare }, withinBold) {
  if (bold !== undefined) return withinBold ? null : element("strong", "", inline(bold, true));
  if (title !== undefined) return safeAddress(target) === null ? null : link(target, "", title);
  // The full stop after an address ends the sentence; a closing bracket belongs to the address only if it was opened there.
  let address = bare.replace(AFTER_ADDRESS, "");
  while (address.endsWith(")") && count(address, ")") > count(address, "(")) {
    address = address.slice(0, -1).replace(AFTER_ADDRESS, "");
  }
  if (safeAddress(address) === null) return null;
  const fragment = document.createDocumentFragment();
  fragment.append(link(address, "", address), bare.slice(address.length));
  return fragment;
}

function count(text, character) {
  return text.split(character).length - 1;
}
