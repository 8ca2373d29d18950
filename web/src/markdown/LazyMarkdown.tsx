import { type ComponentType, useSyncExternalStore } from "react";

import type { MarkdownProps } from "./Markdown";

let Loaded: ComponentType<MarkdownProps> | null = null;
let loading: Promise<void> | null = null;
const listeners = new Set<() => void>();

/** Loads what renders Markdown. Nobody who has not said anything yet waits for it. */
export function loadMarkdown(): void {
  loading ??= import("./Markdown").then(
    (module) => {
      Loaded = module.Markdown;
      for (const listener of listeners) listener();
    },
    () => {
      // not reachable now: the next text tries again
      loading = null;
    },
  );
}

function subscribe(listener: () => void): () => void {
  loadMarkdown();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const loaded = () => Loaded;

/** A text in Markdown; for the moment until that can be rendered, as it was written. */
export function LazyMarkdown({ text, streaming }: MarkdownProps) {
  const Markdown = useSyncExternalStore(subscribe, loaded, loaded);
  return Markdown ? <Markdown text={text} streaming={streaming} /> : <p className="verbatim">{text}</p>;
}
