import { memo } from "react";

import { Block } from "./Blocks";
import type { Block as BlockData } from "./lex";

import styles from "./Markdown.module.css";

/** One block, and what it takes to render it. */
export interface Item {
  readonly block: BlockData;
  /** Of a heading, in the outline of the page. */
  readonly level: number;
  readonly version: number;
  readonly open: boolean;
}

const same = (before: Item, after: Item | undefined): boolean =>
  before.block === after?.block && before.level === after.level && before.version === after.version && before.open === after.open;

/** Some blocks of a text. What of a long text is out of sight costs no layout, and is still found. */
export const Chunk = memo(
  ({ items }: { items: readonly Item[] }) => (
    <div className={styles.chunk}>
      {items.map(({ block, level, version, open }) => (
        <Block key={block.start} token={block.token} depth={0} level={level} version={version} open={open} />
      ))}
    </div>
  ),
  (before, after) =>
    before.items.length === after.items.length && before.items.every((item, index) => same(item, after.items[index])),
);
