/** Who the customer talks to, and what can be done with the whole conversation. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { download, transcript } from "../transcript";
import { useView } from "./context";
import { Icon, IconButton, type IconName } from "./icon";

export type Question = "restart" | "erase";

interface HeaderProps {
  title: string;
  onAsk: (question: Question) => void;
  onClose: () => void;
}

export function Header({ title, onAsk, onClose }: HeaderProps): VNode {
  const { texts } = useView();
  return (
    <header class="header">
      <span class="avatar">
        <Icon name="chat" />
      </span>
      <div class="names">
        <p class="title" id="title" dir="auto">
          {title}
        </p>
        <p class="subtitle">{texts.subtitle}</p>
      </div>
      <Menu title={title} onAsk={onAsk} />
      <IconButton icon="close" label={texts.close} onClick={onClose} />
    </header>
  );
}

function Menu({ title, onAsk }: { title: string; onAsk: (question: Question) => void }): VNode {
  const { conversation, texts, language } = useView();
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const { entries } = conversation.store.saved;

  useEffect(() => {
    if (!open) return;
    const root = frame.current!.getRootNode();
    const elsewhere = (event: Event): void => {
      if (!frame.current!.contains(event.target as Node)) setOpen(false);
    };
    root.addEventListener("focusin", elsewhere);
    root.addEventListener("pointerdown", elsewhere);
    return () => {
      root.removeEventListener("focusin", elsewhere);
      root.removeEventListener("pointerdown", elsewhere);
    };
  }, [open]);

  const escape = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation(); // closes the menu, not the panel
    setOpen(false);
    frame.current!.querySelector("button")?.focus();
  };
  const item = (icon: IconName, label: string, action: () => void): VNode => (
    <li>
      <button
        type="button"
        onClick={() => {
          setOpen(false);
          action();
        }}
      >
        <Icon name={icon} />
        {label}
      </button>
    </li>
  );
  const save = (): void => download(transcript(entries, texts, title, language), "conversation.txt");
  return (
    <div class="menu" ref={frame} onKeyDown={escape}>
      <button
        type="button"
        class="icon-button"
        aria-label={texts.menu}
        title={texts.menu}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="more" />
      </button>
      {open && (
        <ul class="items">
          {item("download", texts.transcript, save)}
          {item("plus", texts.restart, () => onAsk("restart"))}
          {conversation.config?.features.erase && item("bin", texts.erase, () => onAsk("erase"))}
        </ul>
      )}
    </div>
  );
}
