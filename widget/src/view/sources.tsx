/** The articles that an answer rests on; each opens beside the chat. */

import type { VNode } from "preact";

import { linkAddress } from "../addresses";
import type { Source } from "../wire";
import { useView } from "./context";
import { Icon } from "./icon";

export function Sources({ sources }: { sources: readonly Source[] }): VNode | null {
  const { base, texts } = useView();
  if (sources.length === 0) return null;
  return (
    <ul class="sources" aria-label={texts.sources}>
      {sources.map((source, index) => (
        <li key={index}>
          <SourceLink source={source} address={linkAddress(source.url, base)} opensBeside={texts.opensBeside} />
        </li>
      ))}
    </ul>
  );
}

interface SourceLinkProps {
  source: Source;
  address: string | null;
  opensBeside: string;
}

function SourceLink({ source, address, opensBeside }: SourceLinkProps): VNode {
  const content = (
    <>
      {source.number === null ? <Icon name="article" /> : <span class="number">{source.number}</span>}
      <span dir="auto">{source.title}</span>
    </>
  );
  if (address === null) return <span class="source">{content}</span>;
  return (
    <a class="source" href={address} target="_blank" rel="noopener noreferrer">
      {content}
      <span class="unseen"> ({opensBeside})</span>
    </a>
  );
}
