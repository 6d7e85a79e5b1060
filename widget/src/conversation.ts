/** The conversation as the customer sees it: sends what they write, in order, and keeps what comes back. */

import { Channel, Refused, Unreachable } from "./channel";
import { deliver, type Listener } from "./delivery";
import type { Tell } from "./heard";
import { IDLE, Tabs, type Live } from "./live";
import { customerEntry, isOpen, randomKey, Store, type CustomerEntry } from "./store";
import type { Config, Message, Session, Thumbs } from "./wire";

export class Conversation {
  readonly store: Store;
  config: Config | null = null;
  live: Live = IDLE;
  /** Whether the panel is open: what arrives while it is not counts as unread. */
  watched = false;
  /** Gives a signed statement of who is signed in on the site, or null. */
  identity: () => Promise<string | null> = async () => null;

  private readonly listeners = new Set<() => void>();
  private readonly lock: string;
  private running: AbortController | null = null;
  private tabs: Tabs | null = null;
  private flushing = false;

  constructor(
    readonly channel: Channel,
    private readonly tell: Tell,
  ) {
    this.lock = `support-chat ${channel.base}`;
    this.store = new Store(this.lock);
  }

  /** Follows the store and the connection until the returned function is called. */
  start(): () => void {
    const ended = new AbortController();
    const unsubscribe = this.store.subscribe(() => {
      this.changed();
      if (this.store.saved.entries.some(isOpen)) void this.flush();
    });
    addEventListener("online", () => void this.flush(), { signal: ended.signal });
    const here = (): Live | null => (this.running ? this.live : null);
    this.tabs = new Tabs(this.lock, here, (live) => {
      if (this.running) return;
      this.live = live;
      this.changed();
    });
    void this.loadConfig();
    void this.flush();
    return () => {
      ended.abort();
      unsubscribe();
      this.running?.abort();
      this.tabs?.close();
      this.tabs = null;
    };
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Name, colour and features, once they are there; without them the chat works, plainer. */
  async loadConfig(): Promise<void> {
    if (this.config) return;
    try {
      this.config = await this.channel.config();
      this.changed();
    } catch (error) {
      this.report(error);
    }
  }

  /** Whether an answer is awaited, here or in another tab. */
  get busy(): boolean {
    return this.store.saved.entries.some((entry) => entry.from === "customer" && entry.delivery === "sending");
  }

  send(text: string, payload: string = text, images: string[] = []): void {
    const entry = customerEntry(text, payload, images);
    this.store.update((saved) => saved.entries.push(entry));
    this.tell("message", { role: "customer", id: entry.key, text });
    void this.flush();
  }

  retry(key: string): void {
    this.store.customer(key, (entry) => {
      // A turn that was begun has used its key.
      if (entry.turn) entry.key = randomKey();
      Object.assign(entry, { delivery: "queued", turn: "", problem: "" });
    });
    void this.flush();
  }

  /** Stops the answer that is being written; what was written stays. */
  async stop(): Promise<void> {
    const { session, entries } = this.store.saved;
    const awaited = entries.find((entry) => entry.from === "customer" && entry.delivery === "sending");
    if (!session || awaited?.from !== "customer" || !awaited.turn) return this.running?.abort();
    try {
      await this.channel.stop(session.token, awaited.turn); // its stream may be another tab's
    } catch {
      this.running?.abort();
    }
  }

  /** @throws Refused | Unreachable the thumbs were not taken */
  async feedback(id: string, thumbs: Thumbs | null, comment = ""): Promise<void> {
    await this.channel.feedback(await this.token(), id, thumbs, comment);
    this.store.update((saved) => {
      for (const entry of saved.entries) if (entry.from === "assistant" && entry.message.id === id) entry.thumbs = thumbs;
    });
    this.tell("feedback", { id, thumbs });
  }

  /** @throws Refused | Unreachable */
  async upload(file: Blob): Promise<string> {
    return this.channel.image(await this.token(), file);
  }

  /**
   * Ends the conversation, here and on the server.
   *
   * @throws Refused | Unreachable it was to be erased and was not; nothing is forgotten here either
   */
  async end(erase: boolean): Promise<void> {
    const session = this.store.saved.session;
    this.running?.abort();
    try {
      if (session) await this.channel.end(session.token, erase);
    } catch (error) {
      const gone = error instanceof Refused && error.status === 401;
      if (erase && !gone) throw error;
    }
    this.live = IDLE;
    this.store.clear();
    this.tell("ended", { erased: erase });
  }

  /**
   * Says who is signed in on the site. The conversation of another customer ends.
   *
   * @throws Refused the statement is not good
   * @throws Unreachable
   */
  async identify(statement: string): Promise<void> {
    this.identity = async () => statement;
    const session = this.store.saved.session;
    if (!session) return;
    try {
      await this.channel.identify(session.token, statement);
    } catch (error) {
      if (!(error instanceof Refused) || (error.code !== "other_customer" && error.code !== "session_invalid")) throw error;
      await this.end(false);
    }
  }

  read(): void {
    if (this.store.saved.unread) this.store.update((saved) => (saved.unread = 0));
  }

  /** Sends what waits, one at a time; over all tabs of a browser only one does. */
  private async flush(): Promise<void> {
    if (this.flushing) return;
    this.flushing = true;
    const work = async (): Promise<void> => {
      for (;;) {
        const entry = this.store.saved.entries.find(isOpen);
        if (!entry || !(await this.attempt(entry))) return;
      }
    };
    try {
      // Without locks two tabs may send the same message: its key makes that harmless.
      await (navigator.locks ? navigator.locks.request(this.lock, work) : work());
    } finally {
      this.flushing = false;
    }
  }

  /** Returns whether the next message may be tried: not while the browser is offline. */
  private async attempt(entry: CustomerEntry): Promise<boolean> {
    const controller = new AbortController();
    this.running = controller;
    this.store.customer(entry.key, (each) => (each.delivery = "sending"));
    this.show({ ...IDLE, activity: "thinking" });
    const finish = (change: Partial<CustomerEntry>): void =>
      this.store.customer(entry.key, (each) => Object.assign(each, change));
    try {
      const token = await this.token();
      const outcome = await deliver(this.channel, token, entry, this.listener(entry), controller.signal);
      if (outcome.kind === "kept") this.store.take(await this.channel.history(token));
      if (outcome.kind === "failed") this.tell("error", { error: "no_answer", message: outcome.sentence });
      finish(outcome.kind === "failed" ? { delivery: "failed", problem: outcome.sentence } : { delivery: "sent" });
      return true;
    } catch (error) {
      this.report(error);
      if (error instanceof Refused && error.status === 401) return this.renewed();
      if (!navigator.onLine && !controller.signal.aborted) {
        finish({ delivery: "queued" });
        return false;
      }
      finish({ delivery: "failed", problem: error instanceof Refused ? error.sentence : "" });
      return true;
    } finally {
      this.show(IDLE);
      this.running = null;
    }
  }

  /** The session is not good any more: what was said belongs to it, what waits goes into a new one. */
  private renewed(): boolean {
    const first = this.store.saved.session !== null;
    this.store.update((saved) => {
      const waiting = saved.entries.filter(isOpen).map((entry) => ({ ...entry, delivery: "queued" as const }));
      Object.assign(saved, { session: null, handoff: null });
      saved.entries = [{ from: "notice", notice: "expired", at: new Date().toISOString() }, ...waiting];
    });
    return first;
  }

  private listener(entry: CustomerEntry): Listener {
    return {
      begun: (turn) => this.store.customer(entry.key, (each) => (each.turn = turn)),
      activity: (state) => {
        if (state === "thinking" || state === "searching" || state === "writing") this.show({ activity: state });
      },
      token: (text) => this.show({ activity: "writing", draft: this.live.draft + text }),
      sources: (draftSources) => this.show({ draftSources }),
      message: (message) => this.received(message),
      handoff: (handoff) => {
        this.store.update((saved) => (saved.handoff = handoff));
        this.tell("handoff", handoff);
      },
      lost: () => this.show({ activity: "reconnecting" }),
    };
  }

  private received(message: Message): void {
    this.live = { ...this.live, draft: "", draftSources: [] };
    const added = this.store.assistant(message);
    this.tabs?.tell();
    if (!added) return;
    if (!this.watched) this.store.update((saved) => saved.unread++);
    this.tell("message", { role: "assistant", id: message.id, text: message.text });
  }

  /** A token that is good now: the one there is, a fresh one of the same conversation, or a new conversation's. */
  private async token(): Promise<string> {
    const session = this.store.saved.session;
    const now = Date.now();
    if (session && now < session.expiresAt) {
      if (now - session.madeAt < (session.expiresAt - session.madeAt) / 2) return session.token;
      const fresh = await this.channel.renew(session.token).catch(() => session); // the old one is good for now
      return this.keep(fresh);
    }
    return this.keep(await this.begin());
  }

  private async begin(): Promise<Session> {
    const statement = await this.identity();
    try {
      return await this.channel.begin(statement);
    } catch (error) {
      // The site's statement is not good: the assistant serves this customer as one it does not know.
      if (!(error instanceof Refused) || error.code !== "identity_invalid" || statement === null) throw error;
      this.report(error);
      return this.channel.begin(null);
    }
  }

  private keep(session: Session): string {
    this.store.update((saved) => (saved.session = session));
    return session.token;
  }

  private report(error: unknown): void {
    if (error instanceof Refused) this.tell("error", { error: error.code, message: error.sentence });
    else if (error instanceof Unreachable) this.tell("error", { error: "unreachable", message: "" });
    else throw error;
  }

  private show(change: Partial<Live>): void {
    this.live = { ...this.live, ...change };
    this.changed();
    this.tabs?.tell();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
