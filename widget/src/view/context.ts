/** What every part of the view may need. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Conversation } from "../conversation";
import type { Texts } from "../texts";

export interface View {
  conversation: Conversation;
  texts: Texts;
  /** Of the widget's texts, for dates and numbers. */
  language: string;
  /** The server's root, for addresses without a host. */
  base: string;
  /** Hosts besides the server's from which pictures may be loaded. */
  pictureHosts: ReadonlySet<string>;
  /** Says something to screen readers once. */
  say: (text: string) => void;
  /** Sends a message, and puts the focus where the customer goes on. */
  choose: (text: string, payload: string) => void;
}

const Context = createContext<View | null>(null);

export const ViewProvider = Context.Provider;

export function useView(): View {
  const view = useContext(Context);
  if (view === null) throw new Error("outside of a ViewProvider");
  return view;
}
