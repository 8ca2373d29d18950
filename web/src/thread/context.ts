import { createContext, useContext } from "react";

import type { Chat } from "../../client";

/** What the rows of a thread can do with the chat that they belong to. */
export interface ThreadActions {
  readonly chat: Chat;
  /** False once the session is gone: everything can be read, nothing can be changed. */
  readonly live: boolean;
  /** Answers the question with which a reply ended. */
  readonly answer: (text: string, replyId: string) => void;
}

export const ThreadContext = createContext<ThreadActions | null>(null);

export function useThread(): ThreadActions {
  const actions = useContext(ThreadContext);
  if (!actions) throw new Error("a row outside of a thread");
  return actions;
}
