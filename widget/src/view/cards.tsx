/** Structured answers: products as cards in a row, an order as a timeline, two products side by side. */

import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";

import { linkAddress, pictureAddress } from "../addresses";
import { fill } from "../texts";
import { asFields, asList, asObjects, asText, type Fields } from "../wire";
import { useView, type View } from "./context";
import { IconButton } from "./icon";

const MOST_FEATURES = 3; // more would make a card taller than a phone shows at once
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T|$)/;

/** What draws a message's `custom` part; null where its type is unknown or has nothing to show. */
export function cardFor(custom: Fields | null, view: View): VNode | null {
  switch (custom?.type) {
    case "product_cards": {
      const products = asObjects(custom.products).filter((product) => asText(product.name));
      return products.length ? <Products products={products} /> : null;
    }
    case "order":
      return order(custom, view);
    case "comparison":
      return comparison(custom, view);
    default:
      return null;
  }
}

function Products({ products }: { products: Fields[] }): VNode {
  const { texts } = useView();
  const row = useRef<HTMLUListElement>(null);
  const turn = (cards: number) => (): void => {
    const list = row.current!;
    const ahead = getComputedStyle(list).direction === "rtl" ? -cards : cards;
    list.scrollBy({ left: ahead * (list.firstElementChild?.clientWidth ?? 0) });
  };
  return (
    <div class="carousel">
      <ul class="products" ref={row} tabIndex={0} aria-label={texts.products}>
        {products.map((product, index) => (
          <Product key={index} product={product} />
        ))}
      </ul>
      {products.length > 1 && (
        <div class="turns">
          <IconButton icon="down" class="previous" label={texts.previous} onClick={turn(-1)} />
          <IconButton icon="down" class="next" label={texts.next} onClick={turn(1)} />
        </div>
      )}
    </div>
  );
}

function Product({ product }: { product: Fields }): VNode {
  const view = useView();
  const name = asText(product.name);
  const stock = asText(product.stock_text);
  const features = asList(product.features).map(asText).filter(Boolean).slice(0, MOST_FEATURES);
  const payload = asText(product.payload);
  const address = linkAddress(asText(product.url), view.base);
  return (
    <li class="product">
      <Picture product={product} />
      <div class="product-text">
        <p class="product-name" dir="auto">
          {address ? (
            <a href={address} target="_blank" rel="noopener noreferrer">
              {name}
              <span class="unseen"> ({view.texts.opensBeside})</span>
            </a>
          ) : (
            name
          )}
        </p>
        <p class="product-price">{price(product, view)}</p>
        {stock && <p class="product-stock">{stock}</p>}
        {features.length > 0 && (
          <ul class="product-features">
            {features.map((feature) => (
              <li key={feature}>{feature}</li>
            ))}
          </ul>
        )}
      </div>
      {payload && (
        <button
          type="button"
          class="choice"
          aria-label={`${view.texts.ask}: ${name}`}
          onClick={() => view.choose(name, payload)}
        >
          {view.texts.ask}
        </button>
      )}
    </li>
  );
}

/** The product's picture, over a tile with its category's initial, which shows where none can be loaded. */
function Picture({ product }: { product: Fields }): VNode {
  const view = useView();
  const [broken, setBroken] = useState(false);
  const address = pictureAddress(asText(product.image_url), view.base, view.pictureHosts);
  return (
    <div class="product-picture" aria-hidden="true">
      <span>{[...(asText(product.category_name) || asText(product.name))][0]?.toUpperCase()}</span>
      {address && !broken && <img src={address} alt="" loading="lazy" onError={() => setBroken(true)} />}
    </div>
  );
}

function price(product: Fields, { language }: View): string {
  const symbol = asText(product.currency_symbol);
  if (typeof product.price === "number") {
    return symbol + product.price.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }
  const text = asText(product.price);
  return /^\d/.test(text) ? symbol + text : text;
}

function order(fields: Fields, view: View): VNode | null {
  const steps = asObjects(fields.steps).filter((step) => asText(step.label));
  const number = asText(fields.number);
  if (!number && steps.length === 0) return null;
  const title = fill(view.texts.order, { number }).trim();
  const state = asText(fields.state_text);
  const items = asList(fields.items).map(itemText).filter(Boolean);
  const total = asText(fields.total);
  const current = steps.findLastIndex((step) => step.done === true);
  return (
    <section class="order" aria-label={title}>
      <p class="order-head">
        <strong>{title}</strong>
        {state && <span class="order-state">{state}</span>}
      </p>
      {steps.length > 0 && (
        <ol class="steps">
          {steps.map((step, index) => (
            <li key={index} class={step.done === true ? "done" : ""} aria-current={index === current ? "step" : undefined}>
              <span>
                {asText(step.label)}
                <span class="unseen">, {step.done === true ? view.texts.done : view.texts.notYet}</span>
              </span>
              {asText(step.at) && <span class="step-at">{readableTime(asText(step.at), view.language)}</span>}
            </li>
          ))}
        </ol>
      )}
      {items.length > 0 && (
        <ul class="order-items">
          {items.map((item) => (
            <li key={item}>{item}</li>
          ))}
        </ul>
      )}
      {total && (
        <p class="order-total">
          <span>{view.texts.total}</span>
          <strong>{total}</strong>
        </p>
      )}
    </section>
  );
}

/** An ISO date or time as people write it; any other text as it is. */
export function readableTime(text: string, language: string): string {
  const time = new Date(text);
  if (!ISO_DATE.test(text) || Number.isNaN(time.getTime())) return text;
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  // A date alone counts as midnight UTC: shown in another zone it could become the day before.
  if (!text.includes("T")) return time.toLocaleDateString(language, { ...day, timeZone: "UTC" });
  return time.toLocaleString(language, { ...day, hour: "2-digit", minute: "2-digit" });
}

/** An order's item: a text, or an object with a name and perhaps a quantity. */
function itemText(item: unknown): string {
  const fields = asFields(item);
  const quantity = Number(fields.quantity);
  return asText(item) || (quantity > 1 ? `${quantity} × ` : "") + asText(fields.name);
}

function comparison(fields: Fields, { texts }: View): VNode | null {
  const rows = asObjects(fields.rows).filter((row) => asText(row.label));
  const left = asText(asFields(fields.left).name);
  const right = asText(asFields(fields.right).name);
  if (rows.length === 0 || !left || !right) return null;
  const title = fill(texts.comparison, { left, right });
  return (
    <div class="scrolled comparison" tabIndex={0} role="group" aria-label={title}>
      <table>
        <caption class="unseen">{title}</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">{left}</th>
            <th scope="col">{right}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index} class={row.differs === true ? "differs" : ""}>
              <th scope="row">
                {asText(row.label)}
                {row.differs === true && <span class="unseen">, {texts.differs}</span>}
              </th>
              <td>{asText(row.left) || "–"}</td>
              <td>{asText(row.right) || "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
