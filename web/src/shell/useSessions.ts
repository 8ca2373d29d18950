import { useCallback, useEffect, useState, useSyncExternalStore } from "react";

import { createSession, type SavedSession, type Sessions } from "../../client";
import { type Address, goTo, readAddress, stayAt } from "./address";
import { remember, remembered } from "./memory";

export interface OpenSessions {
  readonly list: readonly SavedSession[];
  readonly current: SavedSession | null;
  /** The address names a chat to which this browser has no key. */
  readonly unknown: boolean;
  readonly open: (id: string | null) => void;
  /** Creates a session with one of the bots and goes there. Throws `RequestError`. */
  readonly create: (name: string, bot: string) => Promise<void>;
}

/** A link with a key is used up: the session joins the list, and the key leaves the address bar. */
function arrive(sessions: Sessions): string | null {
  const { id, token }: Address = readAddress();
  if (id !== null && token !== null) {
    if (!sessions.get(id)) sessions.save({ id, token, name: "", bot: "", lastText: "", updatedAt: Date.now() });
    stayAt(id);
  }
  return id;
}

/**
 * Which chats there are, and which one the address names.
 *
 * @param bot only chats with this bot are opened without being asked for; null: all.
 */
export function useSessions(sessions: Sessions, bot: string | null = null): OpenSessions {
  const list = useSyncExternalStore(sessions.subscribe, sessions.getSnapshot);
  const [named, setNamed] = useState(() => arrive(sessions));
  // an address without a name opens the chat that was used last
  const id = named ?? list.find((session) => bot === null || session.bot === bot)?.id ?? null;

  useEffect(() => {
    const moved = () => setNamed(arrive(sessions));
    addEventListener("popstate", moved);
    addEventListener("hashchange", moved);
    return () => {
      removeEventListener("popstate", moved);
      removeEventListener("hashchange", moved);
    };
  }, [sessions]);

  useEffect(() => {
    if (named === null && id !== null) {
      stayAt(id);
      setNamed(id);
    }
  }, [named, id]);

  const open = useCallback((wanted: string | null) => {
    goTo(wanted);
    setNamed(wanted);
  }, []);

  const create = useCallback(
    async (name: string, wanted: string) => {
      const session = await createSession(name, { bot: wanted });
      sessions.save({ ...session, name: "" });
      if (!remembered("name")) remember("name", name);
      if (wanted) remember("bot", wanted);
      open(session.id);
    },
    [sessions, open],
  );

  const current = id === null ? null : sessions.get(id);
  return { list, current, unknown: id !== null && !current, open, create };
}
