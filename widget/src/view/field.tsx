/** An input for the one value that the assistant has just asked for: a code, an email address, a date. */

import type { InputHTMLAttributes, VNode } from "preact";
import { useId, useState } from "preact/hooks";

import { fill, type Texts } from "../texts";
import { isOpen, type Entry } from "../store";
import { asText, type Fields } from "../wire";
import { useView } from "./context";

const DIGITS_OF_A_CODE = 6;

/** What the last answer asks for, if it asks for one value. */
function asked(entries: readonly Entry[]): Fields | null {
  const since = entries.findLastIndex((entry) => entry.from === "customer") + 1;
  const answers = entries.slice(since).flatMap((entry) => (entry.from === "assistant" ? [entry.message] : []));
  const fields = answers.findLast((message) => message.custom?.type === "field")?.custom;
  return fields && !entries.some(isOpen) ? fields : null;
}

export function Field(): VNode | null {
  const { conversation, texts } = useView();
  const fields = asked(conversation.store.saved.entries);
  if (!fields) return null;
  const form = formOf(fields, texts);
  return form && <OneValue key={conversation.store.saved.entries.length} {...form} />;
}

interface Form {
  label: string;
  input: InputHTMLAttributes<HTMLInputElement>;
  code: boolean;
}

function formOf(fields: Fields, texts: Texts): Form | null {
  switch (asText(fields.field)) {
    case "code": {
      const digits = Number(fields.digits) || DIGITS_OF_A_CODE;
      const pattern = `[0-9]{${digits}}`;
      const input = { type: "text", inputMode: "numeric", autocomplete: "one-time-code", pattern, maxLength: digits } as const;
      return { label: fill(texts.code, { digits }), input, code: true };
    }
    case "email":
      return { label: texts.email, input: { type: "email", autocomplete: "email" }, code: false };
    case "date":
      return { label: texts.date, input: { type: "date" }, code: false };
    default:
      return null;
  }
}

function OneValue({ label, input, code }: Form): VNode {
  const { texts, choose } = useView();
  const [value, setValue] = useState("");
  const id = useId();
  const submit = (event: Event): void => {
    event.preventDefault();
    if (value.trim()) choose(value.trim(), value.trim());
  };
  return (
    <form class="field" onSubmit={submit}>
      <label for={id}>{label}</label>
      <div class="row">
        <input
          id={id}
          class={code ? "code" : ""}
          required
          {...input}
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          {texts.send}
        </button>
      </div>
    </form>
  );
}
