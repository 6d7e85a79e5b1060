/** The whole widget: launcher and panel. */

import { Fragment, type VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Conversation } from "../conversation";
import { fill, type Texts } from "../texts";
import { Choices } from "./choices";
import { Composer } from "./composer";
import { Confirm } from "./confirm";
import { ViewProvider, type View } from "./context";
import { Field } from "./field";
import { HandoffBanner } from "./handoff";
import { Header, type Question } from "./header";
import { Icon, IconButton } from "./icon";
import { Draft, Greeting, LogEntry } from "./messages";
import { useScrolling } from "./scrolling";

const MOST_SHOWN_UNREAD = 9;
const PHONE = "(max-width: 480px), (max-height: 480px)";

export interface AppProps {
  conversation: Conversation;
  texts: Texts;
  language: string;
  base: string;
  pictureHosts: ReadonlySet<string>;
  greeting: string;
  suggestions: readonly string[];
  open: boolean;
  onOpen: (open: boolean) => void;
}

export function App(props: AppProps): VNode {
  const { conversation, texts, language, open, onOpen } = props;
  const launcher = useRef<HTMLButtonElement>(null);
  const { unread } = conversation.store.saved;
  const close = (): void => {
    onOpen(false);
    // The phone's launcher is there again only after the panel has gone.
    requestAnimationFrame(() => launcher.current?.focus());
  };
  const label = unread > 0 ? fill(texts.openUnread, { count: unread }) : texts.open;
  return (
    <section class={`root ${open ? "open" : ""}`} lang={language} aria-label={texts.chat}>
      <button
        ref={launcher}
        type="button"
        class="launcher"
        aria-expanded={open}
        aria-label={open ? texts.close : label}
        onClick={() => (open ? close() : onOpen(true))}
      >
        <Icon name={open ? "down" : "chat"} />
        {!open && unread > 0 && <span class="badge">{unread > MOST_SHOWN_UNREAD ? `${MOST_SHOWN_UNREAD}+` : unread}</span>}
      </button>
      {open && <Panel {...props} onClose={close} />}
    </section>
  );
}

function Panel(props: AppProps & { onClose: () => void }): VNode {
  const { conversation, texts, greeting, suggestions, onClose } = props;
  const [question, setQuestion] = useState<Question | null>(null);
  const [said, setSaid] = useState("");
  const panel = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  const { entries } = conversation.store.saved;
  const { frame, away, toEnd } = useScrolling(entries);
  const name = conversation.config?.name;
  const title = name ? fill(texts.title, { name }) : texts.titleWithoutName;
  const activity = conversation.busy ? texts[conversation.live.activity || "thinking"] : "";

  useLayoutEffect(() => goOn(), []);
  useEffect(() => conversation.read());

  /** To where the customer goes on: the input, but on a touch screen that would open the keyboard over the answer. */
  function goOn(): void {
    (matchMedia("(pointer: coarse)").matches ? frame.current : input.current)?.focus();
  }
  const choose = (text: string, payload: string): void => {
    conversation.send(text, payload);
    goOn();
  };
  const pressed = (event: KeyboardEvent): void => {
    if (event.key === "Escape") onClose();
    else if (event.key === "Tab" && matchMedia(PHONE).matches) keepInside(event, panel.current!);
  };
  const view: View = { ...props, choose, say: setSaid };
  return (
    <ViewProvider value={view}>
      <div ref={panel} class="panel" role="dialog" aria-labelledby="title" onKeyDown={pressed}>
        <Header title={title} onAsk={setQuestion} onClose={onClose} />
        <HandoffBanner />
        <div class="scroller" ref={frame} tabIndex={0} role="group" aria-label={texts.conversation}>
          <div class="log" role="log" aria-live="polite" aria-label={texts.conversation}>
            <Greeting text={greeting || texts.greeting} />
            {entries.map((entry, index) => (
              <Fragment key={entry.from === "customer" ? entry.key : entry.from === "assistant" ? entry.message.id : entry.at}>
                <LogEntry entry={entry} last={index === entries.length - 1} />
              </Fragment>
            ))}
          </div>
          <Draft />
          <Choices suggestions={suggestions} />
        </div>
        <div class="jump">{away && <IconButton icon="down" label={texts.latest} onClick={toEnd} />}</div>
        <Field />
        <Composer input={input} />
        <p class="unseen" role="status">
          {activity || said}
        </p>
        {question && <Confirm question={question} onDone={() => setQuestion(null)} />}
      </div>
    </ViewProvider>
  );
}

/** The panel covers a phone's screen: the Tab key must not lead behind it. */
function keepInside(event: KeyboardEvent, panel: HTMLElement): void {
  const stops = [...panel.querySelectorAll<HTMLElement>("button, a[href], textarea, input:not([hidden]), [tabindex='0']")];
  const here = (panel.getRootNode() as ShadowRoot).activeElement;
  const [from, to] = event.shiftKey ? [stops.at(0), stops.at(-1)] : [stops.at(-1), stops.at(0)];
  if (here !== from) return;
  event.preventDefault();
  to?.focus();
}
