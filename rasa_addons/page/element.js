/** Builds DOM nodes. The only way this page makes elements: text becomes text nodes, so markup in it stays text. */

/**
 * @param {string} tag
 * @param {string} className empty for none
 * @param {...(Node|string|null)} children strings become text nodes, null is left out
 */
export function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Text that only screen readers get. */
export function unseen(text) {
  return element("span", "unseen", text);
}

/** A value from the server as text; anything that is neither text nor a number is empty. */
export function asText(value) {
  if (typeof value === "string") return value.trim();
  return Number.isFinite(value) ? String(value) : "";
}

/** A value from the server as a list; anything else is an empty one. */
export function asList(value) {
  return Array.isArray(value) ? value : [];
}

/** The entries of a list that are objects: the rest cannot be shown. */
export function asObjects(value) {
  return asList(value).filter((entry) => typeof entry === "object" && entry !== null && !Array.isArray(entry));
}
