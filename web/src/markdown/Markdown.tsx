import { useState, useSyncExternalStore } from "react";

import { Chunk, type Item } from "./Chunk";
import { complete, subscribe } from "./entities";
import { levels } from "./headings";
import { Lexed } from "./lex";
import { usePace } from "./pace";

import styles from "./Markdown.module.css";

/** Blocks that the browser lays out, or skips, together. */
const CHUNK = 12;

export interface MarkdownProps {
  text: string;
  /** More text will follow. */
  streaming: boolean;
}

/** A text in Markdown. It may grow by any pieces; whatever they were, the end looks the same. */
export function Markdown({ text, streaming }: MarkdownProps) {
  const [lexed] = useState(() => new Lexed());
  const names = useSyncExternalStore(subscribe, complete, complete);
  const shown = usePace(text.length);
  const open = streaming || shown < text.length;
  const blocks = lexed.blocks(text.slice(0, shown), open);
  const outline = levels(blocks);
  const items = blocks.map(
    (block, index): Item => ({
      block,
      level: outline[index] ?? 0,
      version: block.links * 2 + Number(names && block.token.raw.includes("&")),
      open: open && index === blocks.length - 1,
    }),
  );
  return (
    <div className={styles.markdown} data-streaming={streaming || undefined}>
      {Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, index) => (
        <Chunk key={index} items={items.slice(index * CHUNK, (index + 1) * CHUNK)} />
      ))}
    </div>
  );
}
