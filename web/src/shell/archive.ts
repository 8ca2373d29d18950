/**
 * What was said, kept in this browser: the server deletes a chat after an hour or so without activity, and its reader
 * may come back the next day. It is shown only once the chat itself is gone, and deleted together with it by hand.
 */
import type { Turn } from "../../client";

/** The last turns of a chat, and the last chats. */
const TURNS = 200;
const CHATS = 50;

interface Kept {
  readonly id: string;
  readonly turns: readonly Turn[];
  readonly savedAt: number;
}

const asked = <Result>(request: IDBRequest<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser keeps nothing"));
  });

let opening: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  if (!opening) {
    const request = indexedDB.open("unbroken", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("chats", { keyPath: "id" }).createIndex("savedAt", "savedAt");
    opening = asked(request);
  }
  return opening;
}

async function chats(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await open()).transaction("chats", mode).objectStore("chats");
}

/** Keeps the end of a chat. Where the browser keeps nothing (a private window), nothing happens. */
export async function keep(id: string, turns: readonly Turn[]): Promise<void> {
  try {
    const store = await chats("readwrite");
    const kept: Kept = { id, turns: turns.slice(-TURNS), savedAt: Date.now() };
    await asked(store.put(kept));
    const keys = await asked(store.index("savedAt").getAllKeys());
    for (const key of keys.slice(0, -CHATS)) store.delete(key);
  } catch {
    // the chat works without
  }
}

/** What was kept of a chat; nothing if there is nothing. */
export async function kept(id: string): Promise<readonly Turn[]> {
  try {
    const found = (await asked((await chats("readonly")).get(id))) as Kept | undefined;
    return found?.turns ?? [];
  } catch {
    return [];
  }
}

export async function forget(id: string): Promise<void> {
  try {
    await asked((await chats("readwrite")).delete(id));
  } catch {
    // nothing was kept
  }
}
