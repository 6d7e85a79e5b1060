/**
 * Markdown as elements. The lexer's tokens become elements one by one: no HTML is ever made or parsed, so HTML in a
 * text is shown as the text it is, and a draft that grows changes only where it grew.
 */

import { Fragment, type ComponentChildren, type VNode } from "preact";
import { Lexer, type Token, type Tokens } from "marked";

import { linkAddress } from "./addresses";
import type { Source } from "./wire";

const DEEPEST = 12; // deeper nesting than people write is an attempt to break something
const CITATION = /\[(\d{1,2})\]/;

export interface Context {
  /** What addresses without a host belong to. */
  base: string;
  sources: readonly Source[];
  /** Said to screen readers after a link's text. */
  opensBeside: string;
}

export function Markdown({ text, context }: { text: string; context: Context }): VNode {
  const tokens = lexed(text);
  return <>{tokens ? children(tokens, context, 0) : <p>{text}</p>}</>;
}

/** The text without its marks, for copying and reading aloud. */
export function plainText(text: string): string {
  const tokens = lexed(text);
  return tokens ? plain(tokens).replace(/\n{3,}/g, "\n\n").trim() : text;
}

/** The tokens, or null where the lexer gives up. */
function lexed(text: string): Token[] | null {
  try {
    return Lexer.lex(text, { gfm: true, breaks: true });
  } catch {
    return null;
  }
}

function children(tokens: readonly Token[] | undefined, context: Context, depth: number): ComponentChildren {
  if (depth > DEEPEST) return tokens?.map((token) => token.raw).join("");
  return tokens?.map((token, index) => <Fragment key={index}>{element(token, context, depth + 1)}</Fragment>);
}

function element(generic: Token, context: Context, depth: number): ComponentChildren {
  const token = generic as Tokens.Generic & { type: string };
  const inner = (): ComponentChildren => children(token.tokens, context, depth);
  switch (token.type) {
    case "space":
    case "def":
    case "checkbox":
      return null;
    case "paragraph":
      return <p>{inner()}</p>;
    case "heading":
      return (
        <p class="heading">
          <strong>{inner()}</strong>
        </p>
      );
    case "text":
      return token.tokens ? inner() : cited(token.text as string, context);
    case "strong":
      return <strong>{inner()}</strong>;
    case "em":
      return <em>{inner()}</em>;
    case "del":
      return <del>{inner()}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case "br":
      return <br />;
    case "hr":
      return <hr />;
    case "escape":
      return token.text as string;
    case "blockquote":
      return <blockquote>{inner()}</blockquote>;
    case "list":
      return list(token as unknown as Tokens.List, context, depth);
    case "table":
      return table(token as unknown as Tokens.Table, context, depth);
    case "link":
    case "image":
      return link(token as unknown as Tokens.Link, context, depth);
    default:
      return token.raw; // HTML, and what a newer lexer may know
  }
}

function list(token: Tokens.List, context: Context, depth: number): VNode {
  const items = token.items.map((item, index) => (
    <li key={index}>
      {item.task && (item.checked ? "☑ " : "☐ ")}
      {children(item.tokens, context, depth)}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function table(token: Tokens.Table, context: Context, depth: number): VNode {
  return (
    <div class="scrolled" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} scope="col">
                {children(cell.tokens, context, depth)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, place) => (
                <td key={place}>{children(cell.tokens, context, depth)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A picture in a text becomes a link to it: loading it would tell its host who chats here. */
function link(token: Tokens.Link, context: Context, depth: number): ComponentChildren {
  const address = linkAddress(token.href, context.base);
  if (address === null) return token.raw;
  const text = token.type === ("image" as string) ? token.text || address : children(token.tokens, context, depth);
  return (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {text}
      <span class="unseen"> ({context.opensBeside})</span>
    </a>
  );
}

/** A text in which the numbers of sources, such as [1], lead to their articles. */
function cited(text: string, context: Context): ComponentChildren {
  if (!context.sources.some((source) => source.number !== null)) return text;
  return text.split(new RegExp(CITATION, "g")).map((part, index) => {
    if (index % 2 === 0) return part;
    const source = context.sources.find((each) => String(each.number) === part);
    const address = source && linkAddress(source.url, context.base);
    if (!source) return `[${part}]`;
    if (!address) return <sup key={index}>{part}</sup>;
    return (
      <a key={index} class="citation" href={address} target="_blank" rel="noopener noreferrer" title={source.title}>
        <span class="unseen">{source.title}, </span>
        {part}
      </a>
    );
  });
}

function plain(tokens: readonly Token[]): string {
  return tokens
    .map((generic) => {
      const token = generic as Tokens.Generic & { type: string };
      const inner = token.tokens ? plain(token.tokens) : String(token.text ?? token.raw);
      switch (token.type) {
        case "space":
          return "\n\n";
        case "br":
          return "\n";
        case "paragraph":
        case "heading":
          return inner + "\n\n";
        case "list": {
          const { items, ordered, start } = token as unknown as Tokens.List;
          const lines = items.map((item, index) => `${ordered ? `${Number(start) + index}.` : "-"} ${plain(item.tokens)}`);
          return lines.join("\n") + "\n\n";
        }
        case "link":
          return inner === token.href ? inner : `${inner} (${token.href})`;
        case "table":
        case "html":
          return token.raw;
        default:
          return inner;
      }
    })
    .join("");
}
