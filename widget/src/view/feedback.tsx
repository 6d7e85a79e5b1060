/** What can be done with an answer: copy it, hear it, judge it. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";

import { plainText } from "../markdown";
import { canSpeak, hush, speak } from "../speech";
import type { AssistantEntry } from "../store";
import type { Thumbs } from "../wire";
import { useView } from "./context";
import { IconButton } from "./icon";

const COPIED_MS = 2000;

export function Tools({ entry }: { entry: AssistantEntry }): VNode {
  const { conversation, texts, say } = useView();
  const [asking, setAsking] = useState(false);
  const { message, thumbs } = entry;
  const config = conversation.config;

  const judge = async (judged: Thumbs | null, comment: string): Promise<void> => {
    try {
      await conversation.feedback(message.id, judged, comment);
      setAsking(judged === "down" && comment === "");
      if (judged !== null) say(texts.thanks);
    } catch {
      say(texts.feedbackFailed);
    }
  };
  const toggle = (judged: Thumbs) => () => void judge(thumbs === judged ? null : judged, "");
  // Not part of what is announced when a message arrives.
  return (
    <div class="tools" aria-live="off">
      {message.text && <Copy text={plainText(message.text)} />}
      {message.text && config && canSpeak(config.language) && (
        <ReadAloud text={plainText(message.text)} language={config.language} />
      )}
      {config?.features.feedback && message.id && (
        <>
          <IconButton icon="up" label={texts.helpful} pressed={thumbs === "up"} onClick={toggle("up")} />
          <IconButton icon="thumbsDown" label={texts.unhelpful} pressed={thumbs === "down"} onClick={toggle("down")} />
        </>
      )}
      {asking && thumbs === "down" && (
        <Comment onSend={(comment) => void judge("down", comment)} onSkip={() => setAsking(false)} />
      )}
    </div>
  );
}

function Copy({ text }: { text: string }): VNode {
  const { texts, say } = useView();
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    say(texts.copied);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return <IconButton icon={copied ? "check" : "copy"} label={copied ? texts.copied : texts.copy} onClick={() => void copy()} />;
}

function ReadAloud({ text, language }: { text: string; language: string }): VNode {
  const { texts } = useView();
  const [reading, setReading] = useState(false);
  const toggle = (): void => {
    if (reading) hush();
    else speak(text, language, () => setReading(false));
    setReading(!reading);
  };
  return <IconButton icon="speaker" label={reading ? texts.stopReading : texts.readAloud} pressed={reading} onClick={toggle} />;
}

function Comment({ onSend, onSkip }: { onSend: (comment: string) => void; onSkip: () => void }): VNode {
  const { conversation, texts } = useView();
  const [comment, setComment] = useState("");
  const most = conversation.config?.limits.commentCharacters;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (comment.trim()) onSend(comment.trim());
  };
  return (
    <form class="comment" onSubmit={submit}>
      <label>
        {texts.comment}
        <textarea rows={2} maxLength={most} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
      <div class="row">
        <button type="submit" class="primary">
          {texts.sendComment}
        </button>
        <button type="button" class="plain" onClick={onSkip}>
          {texts.skip}
        </button>
      </div>
    </form>
  );
}
