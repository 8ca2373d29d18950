/** The bots of the server, of which each chat has one. */
import { useSyncExternalStore } from "react";

import { type Bot, listBots } from "../../client";
import { Later } from "../later";

const bots = new Later(async () => {
  const all = await listBots();
  // most servers have one, and nothing to choose
  return { all, several: all.length > 1 ? await import("./several") : null };
});

/** Asks for them. Nothing waits for the answer but what cannot be shown without. */
export function loadBots(): void {
  void bots.start();
}

const useKnown = () => useSyncExternalStore(bots.subscribe, bots.get, bots.get);

/** All bots, the default one first; null until they are known. */
export const useBots = (): readonly Bot[] | null => useKnown()?.all ?? null;

/** What lets the reader choose among several; null if there is nothing to choose. */
export const useSeveral = (): typeof import("./several") | null => useKnown()?.several ?? null;

/** The bot of a session; an empty name is the first, and one that the server has no more is none. */
export const botOf = (all: readonly Bot[], name = ""): Bot | undefined => all.find((bot) => bot.name === name) ?? (name ? undefined : all[0]);

/** The name for a new session: the wanted bot's if there is one, else the default one's. */
export const pick = (all: readonly Bot[] | null, wanted: string | null): string =>
  (all?.find((bot) => bot.name === wanted) ?? all?.[0])?.name ?? "";
