/** Keeps the end in view while the reader is there, and lets them be where they are while they read further up. */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Entry } from "../store";

const NEAR_PX = 48;
const MARGIN_PX = 12;

interface Scrolling {
  frame: RefObject<HTMLDivElement | null>;
  /** Whether the end is out of view. */
  away: boolean;
  toEnd: () => void;
}

export function useScrolling(entries: readonly Entry[]): Scrolling {
  const frame = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [away, setAway] = useState(false);

  const toEnd = (): void => {
    frame.current!.scrollTop = frame.current!.scrollHeight;
  };
  const follow = (): void => {
    // Never back up: who reads on in a long answer is past its resting place.
    const { scrollTop } = frame.current!;
    if (following.current) frame.current!.scrollTop = Math.max(scrollTop, restingPlace(frame.current!));
  };

  useEffect(() => {
    const element = frame.current!;
    const look = (): void => {
      const end = element.scrollHeight - element.clientHeight;
      setAway(end - element.scrollTop > NEAR_PX);
      following.current = element.scrollTop > Math.min(end, restingPlace(element)) - NEAR_PX;
    };
    element.addEventListener("scroll", look, { passive: true });
    // The composer grows, a picture arrives, a phone's keyboard opens.
    const resized = new ResizeObserver(() => {
      follow();
      look();
    });
    for (const each of [element, element.firstElementChild!]) resized.observe(each);
    return () => {
      element.removeEventListener("scroll", look);
      resized.disconnect();
    };
  }, []);

  // Who writes wants to see what they wrote.
  const last = entries.at(-1);
  const own = last?.from === "customer" ? last.key : "";
  useLayoutEffect(() => {
    if (own) following.current = true;
  }, [own]);

  useLayoutEffect(follow);

  return { frame, away, toEnd };
}

/** The end, but an answer that is higher than the frame is shown from its question on. */
function restingPlace(frame: HTMLElement): number {
  const end = frame.scrollHeight - frame.clientHeight;
  const question = [...frame.querySelectorAll<HTMLElement>(".user")].at(-1);
  return question ? Math.min(end, question.offsetTop - MARGIN_PX) : end;
}
