/** The conversation as a text file. */

import { plainText } from "./markdown";
import type { Entry } from "./store";
import type { Texts } from "./texts";

export function transcript(entries: readonly Entry[], texts: Texts, title: string, language: string): string {
  const lines = [title, new Date().toLocaleString(language), ""];
  for (const entry of entries) {
    if (entry.from === "notice") continue;
    const who = entry.from === "customer" ? texts.you : texts.assistant;
    const said = entry.from === "customer" ? entry.text : plainText(entry.message.text);
    const at = new Date(entry.at);
    const time = Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
    lines.push(`[${time}] ${who}: ${said}`);
    if (entry.from === "assistant") {
      for (const source of entry.message.sources) lines.push(`    ${texts.sources}: ${source.title} ${source.url}`.trimEnd());
    }
    lines.push("");
  }
  return lines.join("\n");
}

export function download(text: string, name: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address));
}
