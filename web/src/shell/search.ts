import type { SavedSession } from "../../client";

/** For comparing: without case, and without accents. */
const plain = (text: string): string =>
  text
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toLocaleLowerCase();

/** The chats whose title or last text holds every word, wherever it stands. */
export function search(list: readonly SavedSession[], query: string): readonly SavedSession[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  if (!words.length) return list;
  return list.filter((session) => {
    const text = plain(`${session.name} ${session.lastText}`);
    return words.every((word) => text.includes(word));
  });
}
