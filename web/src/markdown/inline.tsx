/** The inside of a paragraph: tokens to React elements. No HTML is ever parsed; what looks like it stays text. */
import type { MarkedToken, Token, Tokens } from "marked";
import type { ReactNode } from "react";

import { ImageIcon } from "../shell/icons";
import { decode } from "./entities";
import { safeUrl } from "./url";

import styles from "./Markdown.module.css";

/** Nested deeper, it is an attack or an accident, and shown as it was written. */
const DEPTH = 24;

/** Tags without attributes that mean something in running text, and nothing else. */
const SIMPLE_TAG = /^<(sub|sup|kbd|mark|small|u|b|i|s)>$/i;
type SimpleTag = "sub" | "sup" | "kbd" | "mark" | "small" | "u" | "b" | "i" | "s";

interface LinkProps {
  href: string;
  title?: string | null | undefined;
  /** Character references in the address count. */
  encoded: boolean;
  children: ReactNode;
}

function Link({ href, title, encoded, children }: LinkProps) {
  const url = safeUrl(encoded ? decode(href) : href);
  if (url === null) return <>{children}</>;
  return (
    <a href={url} title={title ? decode(title) : undefined} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

/** An image is not loaded: its server would learn who reads this, and when. It opens when the reader asks for it. */
function Image({ token }: { token: Tokens.Image }) {
  const url = safeUrl(decode(token.href));
  const label = decode(token.text) || decode(token.href);
  if (url === null) return <>{label}</>;
  return (
    <a className={styles.image} href={url} target="_blank" rel="noopener noreferrer nofollow">
      <ImageIcon />
      {label}
    </a>
  );
}

/** `<sub>…</sub>` and its like: where the element ends, or -1. */
function closing(tokens: readonly Token[], from: number, name: string): number {
  return tokens.findIndex((token, index) => index > from && token.type === "html" && token.raw.toLowerCase() === `</${name}>`);
}

function element(token: MarkedToken, key: number, depth: number): ReactNode {
  switch (token.type) {
    case "text":
      return token.tokens ? inline(token.tokens, depth) : decode(token.text);
    case "escape":
      return token.text;
    case "strong":
      return <strong key={key}>{inline(token.tokens, depth)}</strong>;
    case "em":
      return <em key={key}>{inline(token.tokens, depth)}</em>;
    case "del":
      return <del key={key}>{inline(token.tokens, depth)}</del>;
    case "codespan":
      return <code key={key}>{token.text}</code>;
    case "br":
      return <br key={key} />;
    case "link":
      return (
        <Link key={key} href={token.href} title={token.title} encoded={!token.autolink}>
          {token.autolink ? token.text : inline(token.tokens, depth)}
        </Link>
      );
    case "image":
      return <Image key={key} token={token} />;
    case "html":
      return /^<br ?\/?>$/i.test(token.raw) ? <br key={key} /> : token.raw;
    case "checkbox":
      return null;
    default:
      return token.raw;
  }
}

/** React elements of inline tokens. */
export function inline(tokens: readonly Token[], depth = 0): ReactNode {
  if (depth > DEPTH) return tokens.map((token) => token.raw).join("");
  const nodes: ReactNode[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as MarkedToken;
    const name = token.type === "html" ? SIMPLE_TAG.exec(token.raw)?.[1]?.toLowerCase() : undefined;
    const end = name ? closing(tokens, index, name) : -1;
    if (end > 0) {
      const Tag = name as SimpleTag;
      nodes.push(<Tag key={index}>{inline(tokens.slice(index + 1, end), depth + 1)}</Tag>);
      index = end;
    } else {
      nodes.push(element(token, index, depth + 1));
    }
  }
  return nodes;
}
