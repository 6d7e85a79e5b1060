/** What can be answered at once: buttons of the last answer, or suggestions at the beginning. Gone once used. */

import type { VNode } from "preact";

import { isOpen, type Entry } from "../store";
import type { Button } from "../wire";
import { useView } from "./context";

/** The buttons that were offered since the customer's last message. */
function offered(entries: readonly Entry[]): Button[] {
  const since = entries.findLastIndex((entry) => entry.from === "customer") + 1;
  return entries.slice(since).flatMap((entry) => (entry.from === "assistant" ? entry.message.buttons : []));
}

export function Choices({ suggestions }: { suggestions: readonly string[] }): VNode | null {
  const { conversation, texts, choose } = useView();
  const { entries } = conversation.store.saved;
  if (entries.some(isOpen)) return null;
  const first = entries.length === 0;
  const buttons = first ? suggestions.map((title) => ({ title, payload: title })) : offered(entries);
  if (buttons.length === 0) return null;
  return (
    <div class="choices" role="group" aria-label={first ? texts.suggestions : texts.choices}>
      {buttons.map(({ title, payload }, index) => (
        <button key={index} type="button" class="choice" dir="auto" onClick={() => choose(title, payload)}>
          {title}
        </button>
      ))}
    </div>
  );
}
