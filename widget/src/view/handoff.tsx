/** Says that a person takes over, and what the queue looks like. */

import type { VNode } from "preact";

import { fill } from "../texts";
import { readableTime } from "./cards";
import { useView } from "./context";
import { Icon } from "./icon";

export function HandoffBanner(): VNode | null {
  const { conversation, texts, language } = useView();
  const { handoff } = conversation.store.saved;
  if (!handoff) return null;
  const { openNow, ahead, answerBy, ticket } = handoff;
  const details = [fill(texts.ticket, { ticket })];
  if (openNow && ahead !== null) details.push(ahead > 0 ? fill(texts.handoffAhead, { count: ahead }) : texts.handoffNext);
  if (answerBy) details.push(fill(texts.handoffBy, { time: readableTime(answerBy, language) }));
  return (
    <div class="handoff" role="status">
      <span class="person">
        <Icon name="person" />
      </span>
      <p>
        <strong>{openNow ? texts.handoffOpen : texts.handoffClosed}</strong>
        <span>{details.join(" · ")}</span>
      </p>
    </div>
  );
}
