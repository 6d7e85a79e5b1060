/** The requests of docs/web-channel.md. Every failure is a `Refused` (the server said no) or `Unreachable`. */

import { eventsOf, type StreamEvent } from "./events";
import { asConfig, asFields, asHistory, asSession, asText } from "./wire";
import type { Config, History, Session, Thumbs } from "./wire";

// The server sends a comment every ten seconds; three of them missing mean that nobody is there any more.
const LONGEST_SILENCE_MS = 35_000;
const EVENT_STREAM = "text/event-stream";

/** The server answered with an error; `sentence` is for the customer, and "" where the server gave none. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly sentence: string,
    readonly retryAfterSeconds: number,
  ) {
    super(`${status} ${code}`);
  }
}

/** No answer: offline, the server is down, or the connection broke. */
export class Unreachable extends Error {}

export interface Outgoing {
  key: string;
  message: string;
  images: string[];
}

export class Channel {
  /** @param base the channel's address, with a slash at its end */
  constructor(readonly base: string) {}

  async config(): Promise<Config> {
    return asConfig(await this.json("GET", "config"));
  }

  async begin(identity: string | null): Promise<Session> {
    return asSession(await this.json("POST", "session", "", identity === null ? {} : { identity }));
  }

  async renew(token: string): Promise<Session> {
    return asSession(await this.json("POST", "session/renew", token, {}));
  }

  async identify(token: string, identity: string): Promise<void> {
    await this.json("POST", "identity", token, { identity });
  }

  async forgetIdentity(token: string): Promise<void> {
    await this.json("DELETE", "identity", token);
  }

  async history(token: string): Promise<History> {
    return asHistory(await this.json("GET", "history", token));
  }

  async feedback(token: string, id: string, thumbs: Thumbs | null, comment: string): Promise<void> {
    await this.json("POST", "feedback", token, { message_id: id, thumbs, ...(comment ? { comment } : {}) });
  }

  async stop(token: string, turn: string): Promise<void> {
    await this.json("POST", "stop", token, { turn });
  }

  async end(token: string, erase: boolean): Promise<void> {
    await this.json("POST", "end", token, erase ? { erase } : {});
  }

  /** Uploads an image; its id goes along with a message. */
  async image(token: string, file: Blob): Promise<string> {
    return asText(asFields(await this.json("POST", "images", token, file)).id);
  }

  /** Sends a message; the events of its answer, until the connection ends. */
  send(token: string, { key, message, images }: Outgoing, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const headers = { "Idempotency-Key": key, Accept: EVENT_STREAM };
    return this.stream("POST", "webhook", token, headers, images.length ? { message, images } : { message }, signal);
  }

  /** Goes on with a turn's events after the one with this id. */
  resume(token: string, lastEventId: string, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    return this.stream("GET", "stream", token, { "Last-Event-ID": lastEventId, Accept: EVENT_STREAM }, null, signal);
  }

  private async *stream(
    method: string,
    path: string,
    token: string,
    headers: Record<string, string>,
    body: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<StreamEvent> {
    const silence = new AbortController();
    let timer = 0;
    const heard = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), LONGEST_SILENCE_MS);
    };
    heard();
    try {
      const response = await this.fetched(method, path, token, body, headers, AbortSignal.any([signal, silence.signal]));
      if (response.body === null) throw new Unreachable(path);
      yield* eventsOf(response.body.pipeThrough(noticing(heard)));
    } catch (error) {
      throw error instanceof Refused ? error : new Unreachable(path, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  private async json(method: string, path: string, token = "", body: unknown = null): Promise<unknown> {
    const response = await this.fetched(method, path, token, body, {}, AbortSignal.timeout(LONGEST_SILENCE_MS));
    return response.status === 204 ? null : response.json().catch(() => null);
  }

  private async fetched(
    method: string,
    path: string,
    token: string,
    body: unknown,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    const image = body instanceof Blob;
    let response: Response;
    try {
      response = await fetch(this.base + path, {
        method,
        headers: {
          ...headers,
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
          ...(body === null ? {} : { "Content-Type": image ? body.type : "application/json" }),
        },
        ...(body === null ? {} : { body: image ? body : JSON.stringify(body) }),
        signal,
        credentials: "omit",
        cache: "no-store",
      });
    } catch (error) {
      throw new Unreachable(path, { cause: error });
    }
    if (response.ok) return response;
    const problem = asFields(await response.json().catch(() => null));
    const seconds = Number(problem.retry_after ?? 0);
    throw new Refused(response.status, asText(problem.error), asText(problem.message), seconds);
  }
}

/** Passes bytes on, and says so each time. */
function noticing(heard: () => void): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      heard();
      controller.enqueue(chunk);
    },
  });
}
