/**
 * The end of a text that still grows, as it will probably look: open emphasis closed, a link without its address as text,
 * the first line of a table as a table. Nothing here is kept; the next character is read afresh.
 */
import type { MarkedToken, Token } from "marked";

import { close } from "./close";
import type { Plain } from "./lex";

/** Where the last line with a marker of its own begins: emphasis does not reach across it. */
const LAST_ITEM = /(?:^|\n)(?=[ \t>]*(?:[-*+]|\d{1,9}[.)]|>|\|)[^\n]*$)/;

/** A marker that is not followed by anything yet: it would flash as text, a heading or a rule. */
const LONE_MARKER = /(^|\n)[ \t>]*(?:[-*+_=]{1,2}|\d{1,9}[.)]?|#{1,6}|`{1,2}|~{1,2}|>|\[|!\[?)[ \t]*\n?$/;

const TABLE_START = /^ {0,3}\|[^\n]*(?:\n[ \t|:-]*)?$/;

/** What was opened further back, in characters, is a sign of its own by now. */
const REACH = 3000;

function leaf(token: Token): Token {
  const inner = (("items" in token && token.items) || ("tokens" in token && token.type !== "paragraph" && token.tokens) || []) as Token[];
  const last = inner.filter((child) => child.type !== "space").at(-1);
  return last && (token.type === "list" || token.type === "list_item" || token.type === "blockquote") ? leaf(last) : token;
}

/** The first line of a table, with the line below that makes it one. */
function table(raw: string): string | null {
  if (!TABLE_START.test(raw)) return null;
  const [head = ""] = raw.split("\n");
  const cells = head.trim().replace(/^\||\|$/g, "").split("|").length;
  return `${head.trimEnd().replace(/\|?$/, "|")}\n|${"-|".repeat(cells)}`;
}

/** What to read instead of the last block, or null if it is fine as it is. */
export function completed(token: MarkedToken | Plain): string | null {
  if (token.type === "plain") return null;
  const inner = leaf(token);
  if (inner.type === "code" || inner.type === "html" || inner.type === "hr" || inner.type === "def") return null;
  const { raw } = token;
  const asTable = token.type === "paragraph" ? table(raw) : null;
  if (asTable !== null) return asTable;
  const cut = raw.replace(LONE_MARKER, "$1");
  const from = LAST_ITEM.exec(cut);
  let at = from ? from.index + (cut[from.index] === "\n" ? 1 : 0) : token.type === "paragraph" ? 0 : cut.lastIndexOf("\n") + 1;
  at = Math.max(at, cut.length - REACH);
  const better = cut.slice(0, at) + close(cut.slice(at));
  return better === raw ? null : better;
}
