/** Shows structured answers: products as cards, an order as a timeline, two products side by side. */

import { asList, asObjects, asText, element, unseen } from "./element.js";
import { link } from "./text.js";

const MOST_FEATURES = 3; // more would make the cards taller than a phone shows at once
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T|$)/;

/**
 * The element for a message's `custom` part, or null where its type is unknown or has nothing to show.
 *
 * @param {unknown} custom
 * @param {(text: string, payload: string) => void} onChoice a card's button was pressed
 */
export function renderCustom(custom, onChoice) {
  switch (custom?.type) {
    case "product_cards":
      return productCards(asObjects(custom.products), onChoice);
    case "order":
      return orderCard(custom);
    case "comparison":
      return comparison(custom);
    default:
      return null;
  }
}

/** An address that this page may load as a picture, or null: only its own server's and embedded ones, as its policy says. */
export function pictureAddress(value) {
  if (typeof value !== "string" || value === "") return null;
  let address;
  try {
    address = new URL(value, document.baseURI);
  } catch {
    return null;
  }
  const own = address.origin === location.origin;
  return own || /^data:image\//i.test(address.href) ? address.href : null;
}

function productCards(products, onChoice) {
  const named = products.filter((product) => asText(product.name));
  if (named.length === 0) return null;
  const row = element("ul", "products", ...named.map((product) => productCard(product, onChoice)));
  row.tabIndex = 0; // a row that scrolls must be reachable by keyboard
  row.setAttribute("aria-label", "Products");
  return row;
}

function productCard(product, onChoice) {
  const name = asText(product.name);
  const stock = asText(product.stock_text);
  const features = asList(product.features).map(asText).filter(Boolean).slice(0, MOST_FEATURES);
  const title = link(product.url, "product-name", name);
  title.dir = "auto";
  const card = element(
    "li",
    "product",
    picture(product),
    element(
      "div",
      "product-text",
      title,
      element("p", "product-price", price(product)),
      stock ? element("p", "product-stock", stock) : null,
      features.length ? element("ul", "product-features", ...features.map((text) => element("li", "", text))) : null,
    ),
  );
  const payload = asText(product.payload);
  if (payload) {
    const button = element("button", "choice", "Ask about this");
    button.type = "button";
    button.setAttribute("aria-label", `Ask about this: ${name}`);
    button.addEventListener("click", () => onChoice(name, payload));
    card.append(button);
  }
  return card;
}

/** The product's picture over a tile with its category's initial, which shows where the picture does not load. */
function picture(product) {
  const initial = Array.from(asText(product.category_name) || asText(product.name))[0].toUpperCase();
  const tile = element("div", "product-picture", element("span", "", initial));
  tile.setAttribute("aria-hidden", "true");
  const address = pictureAddress(product.image_url);
  if (address !== null) {
    const image = element("img", "");
    image.alt = "";
    image.addEventListener("error", () => image.remove());
    image.src = address;
    tile.append(image);
  }
  return tile;
}

function price(product) {
  const symbol = asText(product.currency_symbol);
  if (typeof product.price === "number") {
    return symbol + product.price.toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }
  const text = asText(product.price);
  return /^\d/.test(text) ? symbol + text : text;
}

function orderCard(order) {
  const steps = asObjects(order.steps).filter((step) => asText(step.label));
  const number = asText(order.number);
  if (!number && steps.length === 0) return null;
  const state = asText(order.state_text);
  const items = asList(order.items).map(itemText).filter(Boolean);
  const total = asText(order.total);
  const lastDone = steps.findLastIndex((step) => step.done === true);
  const card = element(
    "section",
    "order",
    element(
      "div",
      "order-head",
      element("h3", "", `Order ${number}`.trim()),
      state ? element("span", "order-state", state) : null,
    ),
    steps.length ? element("ol", "steps", ...steps.map((step, place) => orderStep(step, place === lastDone))) : null,
    items.length ? element("ul", "order-items", ...items.map((text) => element("li", "", text))) : null,
    total ? element("p", "order-total", element("span", "", "Total"), element("span", "", total)) : null,
  );
  card.setAttribute("aria-label", `Order ${number}`.trim());
  return card;
}

function orderStep(step, current) {
  const at = asText(step.at);
  const node = element(
    "li",
    step.done === true ? "done" : "",
    element("span", "step-label", asText(step.label)),
    unseen(step.done === true ? ", done" : ", not yet"),
    at ? element("span", "step-at", readableTime(at)) : null,
  );
  if (current) node.setAttribute("aria-current", "step");
  return node;
}

/** An ISO date or time as customers write it; any other text as it is. */
function readableTime(text) {
  const time = new Date(text);
  if (!ISO_DATE.test(text) || Number.isNaN(time.getTime())) return text;
  const day = { weekday: "short", day: "numeric", month: "short" };
  // A date alone counts as midnight UTC: shown in another zone it could become the day before.
  if (!text.includes("T")) return time.toLocaleDateString("en-GB", { ...day, timeZone: "UTC" });
  return time.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
}

/** An order's item: a text, or an object with a name and perhaps a quantity. */
function itemText(item) {
  if (typeof item !== "object" || item === null) return asText(item);
  const quantity = Number(item.quantity);
  return (quantity > 1 ? `${quantity} × ` : "") + asText(item.name);
}

function comparison({ left, right, rows }) {
  const shown = asObjects(rows).filter((row) => asText(row.label));
  const names = [asText(left?.name), asText(right?.name)];
  if (shown.length === 0 || !names[0] || !names[1]) return null;
  const table = element(
    "table",
    "",
    element("caption", "unseen", `${names[0]} compared with ${names[1]}`),
    element("thead", "", element("tr", "", element("td", ""), ...names.map((name) => headerCell("col", name)))),
    element("tbody", "", ...shown.map(comparisonRow)),
  );
  const frame = element("div", "comparison", table);
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Comparison");
  return frame;
}

function comparisonRow(row) {
  const label = headerCell("row", asText(row.label));
  if (row.differs === true) label.append(unseen(", differs"));
  const cells = [row.left, row.right].map((value) => element("td", "", asText(value) || "–"));
  return element("tr", row.differs === true ? "differs" : "", label, ...cells);
}

function headerCell(scope, text) {
  const cell = element("th", "", text);
  cell.scope = scope;
  return cell;
}
