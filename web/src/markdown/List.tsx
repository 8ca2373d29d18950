import type { Tokens } from "marked";
import { memo } from "react";

import { CheckedIcon, UncheckedIcon } from "../shell/icons";
import { useText } from "../i18n/useText";
import { Blocks } from "./Blocks";

import styles from "./Markdown.module.css";

interface ItemProps {
  item: Tokens.ListItem;
  depth: number;
  version: number;
  open: boolean;
}

function Box({ checked }: { checked: boolean }) {
  const text = useText();
  return (
    <span className={styles.box} role="img" aria-label={text(checked ? "task.done" : "task.open")}>
      {checked ? <CheckedIcon /> : <UncheckedIcon />}
    </span>
  );
}

/** One item; a list of a thousand renders only the one that is being written. */
const Item = memo(
  ({ item, depth, version, open }: ItemProps) => (
    <li className={item.task ? styles.task : undefined}>
      {item.task && <Box checked={item.checked === true} />}
      <Blocks tokens={item.tokens} depth={depth + 1} version={version} open={open} />
    </li>
  ),
  (before, after) =>
    before.item.raw === after.item.raw &&
    before.item.loose === after.item.loose &&
    before.version === after.version &&
    before.open === after.open,
);

interface ListProps {
  token: Tokens.List;
  depth: number;
  version: number;
  open: boolean;
}

export function List({ token, depth, version, open }: ListProps) {
  const Tag = token.ordered ? "ol" : "ul";
  const start = typeof token.start === "number" && token.start !== 1 ? token.start : undefined;
  return (
    <Tag dir={depth === 0 ? "auto" : undefined} {...(start !== undefined && { start })}>
      {token.items.map((item, index) => (
        <Item key={index} item={item} depth={depth} version={version} open={open && index === token.items.length - 1} />
      ))}
    </Tag>
  );
}
