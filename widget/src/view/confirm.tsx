/** Asks before a conversation ends or is erased. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { useView } from "./context";
import type { Question } from "./header";

interface ConfirmProps {
  question: Question;
  onDone: () => void;
}

export function Confirm({ question, onDone }: ConfirmProps): VNode {
  const { conversation, texts, say } = useView();
  const [problem, setProblem] = useState("");
  const dialog = useRef<HTMLDialogElement>(null);
  const erase = question === "erase";

  useEffect(() => dialog.current!.showModal(), []);

  const agree = async (): Promise<void> => {
    try {
      await conversation.end(erase);
    } catch {
      return setProblem(texts.eraseFailed);
    }
    if (erase) say(texts.erased);
    onDone();
  };
  return (
    <dialog ref={dialog} class="confirm" aria-labelledby="question" onClose={onDone}>
      <p id="question">{erase ? texts.eraseSure : texts.restartSure}</p>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="row">
        <button type="button" class="plain" onClick={() => dialog.current!.close()}>
          {texts.cancel}
        </button>
        <button type="button" class={erase ? "danger" : "primary"} onClick={() => void agree()}>
          {erase ? texts.confirmErase : texts.confirmRestart}
        </button>
      </div>
    </dialog>
  );
}
