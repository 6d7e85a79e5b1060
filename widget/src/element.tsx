/** `<support-chat>`: the custom element, its attributes, methods and events (docs/widget.md). */

import { render } from "preact";

import { Channel } from "./channel";
import { inksFor } from "./colour";
import { Conversation } from "./conversation";
import type { Heard } from "./heard";
import { textsFor } from "./texts";
import { App } from "./view/app";
import styles from "./styles/index.css";

const DEFAULT_ACCENT = "#0b57d0";
const OPEN_KEY = "support-chat open";

/** Where the script came from is where the channel is. Null for a module, which does not know. */
const SCRIPT = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : null;

export class SupportChat extends HTMLElement {
  static readonly observedAttributes = ["open", "lang", "theme", "greeting", "suggestions", "picture-hosts"];

  private conversation: Conversation | null = null;
  private stop: (() => void) | null = null;
  private mount: HTMLElement | null = null;
  private statement: (() => Promise<string | null>) | null = null;

  connectedCallback(): void {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    if (!this.mount) {
      const sheet = new CSSStyleSheet(); // allowed by a policy that forbids inline styles
      sheet.replaceSync(styles);
      shadow.adoptedStyleSheets = [sheet];
      this.mount = shadow.appendChild(document.createElement("div"));
    }
    this.conversation ??= new Conversation(new Channel(this.channelAddress()), (name, detail) => this.emit(name, detail));
    if (this.statement) this.conversation.identity = this.statement;
    const unsubscribe = this.conversation.subscribe(() => this.draw());
    const end = this.conversation.start();
    this.stop = () => {
      unsubscribe();
      end();
    };
    if (remembered()) this.open = true;
    this.draw();
  }

  disconnectedCallback(): void {
    this.stop?.();
    this.stop = null;
    if (this.mount) render(null, this.mount);
  }

  attributeChangedCallback(): void {
    this.draw();
  }

  /** Whether the panel is open; the attribute `open`. */
  get open(): boolean {
    return this.hasAttribute("open");
  }

  set open(open: boolean) {
    if (open === this.open) return;
    this.toggleAttribute("open", open);
    remember(open);
    if (open) void this.conversation?.loadConfig();
    this.emit(open ? "open" : "close", null);
  }

  /** Gives a fresh signed statement of who is signed in on the site, or null; asked when a conversation begins. */
  set identity(statement: () => Promise<string | null>) {
    this.statement = statement;
    if (this.conversation) this.conversation.identity = statement;
  }

  /** Opens the panel and says `text` for the customer. */
  send(text: string): void {
    this.open = true;
    if (text.trim()) this.conversation?.send(text.trim());
  }

  /** Says who has just signed in, with a statement that the site's server signed. Rejects where it is not good. */
  async identify(statement: string): Promise<void> {
    await this.conversation?.identify(statement);
  }

  /** The customer has signed out: the conversation ends, so that whoever comes next does not see it. */
  async signOut(): Promise<void> {
    this.identity = async () => null;
    await this.end();
  }

  /** Ends the conversation; with `erase` the server deletes it too, and the promise rejects if it could not. */
  async end({ erase = false }: { erase?: boolean } = {}): Promise<void> {
    await this.conversation?.end(erase);
  }

  private channelAddress(): string {
    const named = this.getAttribute("server");
    const address = named ?? (SCRIPT ? new URL(".", SCRIPT).href : "/webhooks/rest/");
    return new URL(address.endsWith("/") ? address : `${address}/`, document.baseURI).href;
  }

  private draw(): void {
    const { conversation, mount } = this;
    if (!conversation || !mount || !this.stop) return;
    const { language, texts } = textsFor(
      this.getAttribute("lang"),
      document.documentElement.lang,
      navigator.language,
    );
    this.paint(mount, conversation.config?.colour ?? "");
    mount.dir = getComputedStyle(this).direction;
    conversation.watched = this.open;
    render(
      <App
        conversation={conversation}
        texts={texts}
        language={language}
        base={new URL("/", conversation.channel.base).href}
        pictureHosts={new Set(this.getAttribute("picture-hosts")?.split(/\s+/))}
        greeting={this.getAttribute("greeting") ?? ""}
        suggestions={(this.getAttribute("suggestions") ?? "").split("|").filter((each) => each.trim())}
        open={this.open}
        onOpen={(open) => (this.open = open)}
      />,
      mount,
    );
  }

  /** The site's colour, else the server's, with text in it and on it that can be read. */
  private paint(mount: HTMLElement, colour: string): void {
    const own = getComputedStyle(this).getPropertyValue("--support-chat-accent").trim();
    const inks = inksFor(own) ?? inksFor(colour) ?? inksFor(DEFAULT_ACCENT);
    for (const [name, ink] of Object.entries(inks ?? {})) mount.style.setProperty(`--${name}`, ink);
  }

  private emit<Name extends keyof Heard | "open" | "close">(name: Name, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`support-chat:${name}`, { detail, bubbles: true, composed: true }));
  }
}

/** Whether the panel was open in this tab before a reload or a click on a link. */
function remembered(): boolean {
  try {
    return sessionStorage.getItem(OPEN_KEY) === "1";
  } catch {
    return false;
  }
}

function remember(open: boolean): void {
  try {
    sessionStorage.setItem(OPEN_KEY, open ? "1" : "");
  } catch {
    // Storage is forbidden: the panel is closed after a reload.
  }
}
