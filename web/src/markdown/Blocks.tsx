/** The blocks of a text. Each renders again only if its own content changed. */
import type { MarkedToken, Token } from "marked";
import { memo, type ReactNode } from "react";

import { Code } from "./Code";
import { inline } from "./inline";
import type { Plain } from "./lex";
import { List } from "./List";
import { Table } from "./Table";

import styles from "./Markdown.module.css";

const DEPTH = 16;

const HEADINGS = [styles.first, styles.second, styles.third];

/** A fence that was closed; a block that is still being written is not coloured yet. */
const CLOSED = /\n[ \t>]*(?:`{3,}|~{3,})[ \t]*\n*$/;

interface BlockProps {
  token: MarkedToken | Plain;
  depth: number;
  /** Of a heading; 0 where the outline of the page has no place for it. */
  level?: number;
  /** Changes when the same text may mean something else: link definitions, names of characters. */
  version: number;
  /** The text goes on behind this block, or inside of it. */
  open: boolean;
}

function render({ token, depth, level = 0, version, open }: BlockProps): ReactNode {
  // the outermost element decides about its direction; what it contains follows
  const dir = depth === 0 ? "auto" : undefined;
  switch (token.type) {
    case "space":
    case "def":
    case "checkbox": // the list item shows it
      return null;
    case "paragraph":
      return <p dir={dir}>{inline(token.tokens)}</p>;
    case "text":
      return <>{token.tokens ? inline(token.tokens) : inline([token])}</>;
    case "heading": {
      const Tag = level === 0 ? "p" : (`h${level}` as "h3" | "h4" | "h5" | "h6");
      return (
        <Tag dir={dir} className={HEADINGS[token.depth - 1] ?? styles.minor}>
          {inline(token.tokens)}
        </Tag>
      );
    }
    case "code":
      return <Code text={token.text} language={token.lang ?? ""} done={!open || CLOSED.test(token.raw)} />;
    case "blockquote":
      return (
        <blockquote dir={dir}>
          <Blocks tokens={token.tokens} depth={depth + 1} version={version} open={open} />
        </blockquote>
      );
    case "list":
      return <List token={token} depth={depth} version={version} open={open} />;
    case "table":
      return <Table token={token} version={version} />;
    case "hr":
      return <hr />;
    default:
      // HTML, and whatever could not be read: as it was written
      return (
        <p dir={dir} className={styles.raw}>
          {token.raw.trimEnd()}
        </p>
      );
  }
}

export const Block = memo(render, (before, after) =>
  before.token.type === after.token.type &&
  before.token.raw === after.token.raw &&
  before.level === after.level &&
  before.version === after.version &&
  before.open === after.open,
);

/** Blocks inside of a list item or a quotation. */
export function Blocks({ tokens, depth, version, open }: { tokens: readonly Token[]; depth: number; version: number; open: boolean }) {
  if (depth > DEPTH) return <>{tokens.map((token) => token.raw).join("")}</>;
  return tokens.map((token, index) => (
    <Block key={index} token={token as MarkedToken} depth={depth} version={version} open={open && index === tokens.length - 1} />
  ));
}
