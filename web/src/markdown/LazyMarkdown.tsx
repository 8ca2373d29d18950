import { useSyncExternalStore } from "react";

import { Later } from "../later";
import type { MarkdownProps } from "./Markdown";

const markdown = new Later(() => import("./Markdown"));

/** Loads what renders Markdown. Nobody who has not said anything yet waits for it. */
export function loadMarkdown(): void {
  void markdown.start();
}

/** A text in Markdown; for the moment until that can be rendered, as it was written. */
export function LazyMarkdown({ text, streaming }: MarkdownProps) {
  const loaded = useSyncExternalStore(markdown.subscribe, markdown.get, markdown.get);
  return loaded ? <loaded.Markdown text={text} streaming={streaming} /> : <p className="verbatim">{text}</p>;
}
