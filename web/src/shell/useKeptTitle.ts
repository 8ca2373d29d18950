import { useEffect } from "react";

import type { Sessions, State } from "../../client";
import { remember, remembered } from "./memory";

const TITLE = 60;

/** The first line of a text, cut at a word. */
export function titleOf(text: string): string {
  const [line = ""] = text.trim().split("\n");
  if (line.length <= TITLE) return line;
  const cut = line.slice(0, TITLE);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), TITLE / 2)).trimEnd()}…`;
}

/**
 * Keeps the list of chats true to the open one: its title, its bot, its last text, its time.
 *
 * A session is born with the name of its owner. As a title that says nothing, so until somebody gives it another one, the
 * list shows how the conversation began.
 */
export function useKeptTitle(sessions: Sessions, id: string, state: State): void {
  const last = state.turns.at(-1);
  const done = last?.reply && last.reply.status !== "running" ? last.reply : null;
  const name = state.session?.name;
  const bot = state.session?.bot ?? "";
  const first = state.turns[0]?.message.msg;
  const text = done?.text || last?.message.msg;
  const time = done?.timestamp ?? last?.message.timestamp;

  useEffect(() => {
    if (name === undefined) return;
    if (!remembered("name")) remember("name", name);
    const renamed = name !== remembered("name");
    sessions.update(id, {
      name: renamed ? name : titleOf(first ?? ""),
      bot,
      ...(text !== undefined && { lastText: text.trim().slice(0, 200) }),
      ...(time && { updatedAt: Date.parse(time) }),
    });
  }, [sessions, id, name, bot, first, text, time]);
}
