/** The messages of the log, and the draft of the next one. */

import type { VNode } from "preact";

import { linkAddress, pictureAddress } from "../addresses";
import { Markdown } from "../markdown";
import type { AssistantEntry, CustomerEntry, Entry } from "../store";
import type { Message, Source } from "../wire";
import { cardFor } from "./cards";
import { useView } from "./context";
import { Tools } from "./feedback";
import { Icon } from "./icon";
import { Sources } from "./sources";

export function Greeting({ text }: { text: string }): VNode {
  return (
    <div class="message bot">
      <Speaker />
      <div class="bubble" dir="auto">
        <p>{text}</p>
      </div>
    </div>
  );
}

export function LogEntry({ entry, last }: { entry: Entry; last: boolean }): VNode {
  const { texts } = useView();
  if (entry.from === "assistant") return <Answer entry={entry} last={last} />;
  if (entry.from === "customer") return <Said entry={entry} />;
  return <p class="notice">{texts.expired}</p>;
}

function Speaker(): VNode {
  return <span class="unseen">{useView().texts.assistant}: </span>;
}

function Answer({ entry, last }: { entry: AssistantEntry; last: boolean }): VNode {
  const view = useView();
  const { message } = entry;
  const card = cardFor(message.custom, view);
  const text = card && message.custom?.replaces_text === true ? firstParagraph(message.text) : message.text;
  return (
    <div class={`message bot ${last ? "last" : ""}`}>
      <Speaker />
      {text.trim() && <Text text={text} sources={message.sources} />}
      <Image message={message} />
      {card}
      <Sources sources={message.sources} />
      <Tools entry={entry} />
    </div>
  );
}

function Text({ text, sources }: { text: string; sources: readonly Source[] }): VNode {
  const { base, texts } = useView();
  return (
    <div class="bubble" dir="auto">
      <Markdown text={text} context={{ base, sources, opensBeside: texts.opensBeside }} />
    </div>
  );
}

function firstParagraph(text: string): string {
  return text.trim().split(/\n\s*\n/)[0]!;
}

function Image({ message }: { message: Message }): VNode | null {
  const { base, pictureHosts, texts } = useView();
  const picture = pictureAddress(message.image, base, pictureHosts);
  if (picture) return <img class="picture" src={picture} alt={texts.picture} loading="lazy" />;
  const address = linkAddress(message.image, base);
  return address ? (
    <a class="source" href={address} target="_blank" rel="noopener noreferrer">
      <Icon name="photo" />
      {texts.picture}
    </a>
  ) : null;
}

function Said({ entry }: { entry: CustomerEntry }): VNode {
  const { conversation, texts } = useView();
  const queued = entry.delivery === "queued" && (conversation.busy || !navigator.onLine);
  return (
    <div class={`message user ${entry.delivery}`}>
      <span class="unseen">{texts.you}: </span>
      <div class="bubble" dir="auto">
        {entry.images.length > 0 && (
          <span class="attached">
            <Icon name="photo" />
            {texts.photoSent}
          </span>
        )}
        {entry.text}
      </div>
      {queued && <p class="under-message">{navigator.onLine ? texts.queued : texts.offline}</p>}
      {entry.delivery === "failed" && (
        <div class="problem">
          <p>
            {entry.problem || texts.failed} {texts.kept}
          </p>
          <button type="button" class="plain" onClick={() => conversation.retry(entry.key)}>
            <Icon name="retry" />
            {texts.retry}
          </button>
        </div>
      )}
    </div>
  );
}

/** The answer as far as it is written. Outside of the log: screen readers hear the finished message, once. */
export function Draft(): VNode | null {
  const { conversation, texts } = useView();
  const { activity, draft, draftSources } = conversation.live;
  if (!conversation.busy) return null;
  return (
    <div class="message bot draft" inert>
      {draft && <Text text={draft} sources={draftSources} />}
      <p class="activity">
        <span class="dots">
          <i />
          <i />
          <i />
        </span>
        {texts[activity || "thinking"]}
      </p>
    </div>
  );
}
