/** Where the customer writes: text, a photo, their voice. Send becomes stop while an answer is written. */

import type { RefObject, VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { canHear, listen, type Dictation } from "../speech";
import { fill } from "../texts";
import { useView } from "./context";
import { IconButton } from "./icon";
import { PhotoButton, PhotoPreview, type Photo } from "./photo";

const COUNTED_FROM = 0.9; // the counter shows once so much of the limit is used

export function Composer({ input }: { input: RefObject<HTMLTextAreaElement | null> }): VNode {
  const { conversation, texts, language, say } = useView();
  const [text, setText] = useState(conversation.store.typed);
  const [photo, setPhoto] = useState<Photo | null>(null);
  const [problem, setProblem] = useState("");
  const most = conversation.config?.limits.messageCharacters ?? Infinity;
  const length = [...text.trim()].length; // as the server counts: an emoji is one
  const sendable = (length > 0 || photo !== null) && length <= most;

  // Before the next key is handled: Escape may close the panel at once.
  useLayoutEffect(() => {
    fit(input.current!);
    conversation.store.typed = text; // outlives a closed panel and a reload
  }, [text]);

  const submit = (): void => {
    if (!sendable) return;
    conversation.send(text.trim() || texts.photoSent, undefined, photo ? [photo.id] : []);
    setText("");
    setPhoto(null);
    setProblem("");
    input.current!.focus();
  };
  const pressed = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  };
  const complain = (sentence: string): void => {
    setProblem(sentence);
    say(sentence);
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {problem && <p class="problem">{problem}</p>}
      {photo && <PhotoPreview photo={photo} onRemove={() => setPhoto(null)} />}
      <div class="box">
        <PhotoButton
          onPhoto={(added) => {
            setPhoto(added);
            setProblem("");
            input.current!.focus();
          }}
          onProblem={complain}
        />
        <textarea
          ref={input}
          rows={1}
          dir="auto"
          value={text}
          aria-label={texts.message}
          aria-describedby="counter hint"
          placeholder={texts.placeholder}
          enterkeyhint="send"
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={pressed}
        />
        {canHear() && <Microphone language={conversation.config?.language ?? language} onText={setText} onProblem={complain} />}
        {conversation.busy && !sendable ? (
          <IconButton icon="stop" class="send stop" label={texts.stop} onClick={() => void conversation.stop()} />
        ) : (
          <IconButton icon="send" class="send" label={texts.send} disabled={!sendable} onClick={submit} />
        )}
      </div>
      <p class="under">
        <span id="hint">{texts.hint}</span>
        <span id="counter" class={length > most ? "over" : ""}>
          {length > most
            ? fill(texts.tooLong, { count: length - most })
            : length >= most * COUNTED_FROM && fill(texts.counter, { count: length, most })}
        </span>
      </p>
    </form>
  );
}

/** As high as what is written, up to the height that the style allows. */
function fit(input: HTMLTextAreaElement): void {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
}

interface MicrophoneProps {
  language: string;
  onText: (text: string) => void;
  onProblem: (sentence: string) => void;
}

function Microphone({ language, onText, onProblem }: MicrophoneProps): VNode {
  const { texts } = useView();
  const [listening, setListening] = useState(false);
  const dictation = useRef<Dictation | null>(null);
  const toggle = (): void => {
    if (listening) return dictation.current?.stop();
    dictation.current = listen(language, onText, (failed) => {
      setListening(false);
      if (failed) onProblem(texts.speechFailed);
    });
    setListening(true);
  };
  return (
    <IconButton
      icon="microphone"
      class={listening ? "listening" : ""}
      label={listening ? texts.stopSpeaking : texts.speak}
      pressed={listening}
      onClick={toggle}
    />
  );
}
