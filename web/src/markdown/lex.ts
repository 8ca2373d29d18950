/**
 * Markdown that grows: text in, blocks out, and only the end of the text is read again.
 *
 * A block is settled once two more follow it: what comes later can no longer change it ("1. a", blank line, "2" is a list
 * and a paragraph until the next character is a dot). Settled blocks keep their identity. Link definitions count for the
 * whole text, so a new one reads those settled blocks again that may use it.
 */
import { getDefaults, Lexer, type Links, type MarkedToken, type Token } from "marked";

import { Careful } from "./careful";
import { completed } from "./complete";

/** Text that the lexer could not read (it recurses, and a hostile text can exhaust its stack). */
export interface Plain {
  readonly type: "plain";
  readonly raw: string;
}

export interface Block {
  readonly token: MarkedToken | Plain;
  /** Where it starts in the text: stable while the text grows. */
  readonly start: number;
  /** Which link definitions it was read with; 0 if it uses none. Same start, raw and links: same content. */
  readonly links: number;
}

function read(text: string, links: Links): { tokens: (MarkedToken | Plain)[]; links: Links } {
  const lexer = new Lexer({ ...getDefaults(), tokenizer: new Careful() });
  Object.assign(lexer.tokens.links, links);
  try {
    return { tokens: lexer.lex(text) as MarkedToken[], links: lexer.tokens.links };
  } catch {
    return { tokens: [{ type: "plain", raw: text }], links };
  }
}

/** Adds the definitions inside of a token; the first one of a name counts. Returns whether there were new ones. */
function define(token: Token | Plain, links: Links): boolean {
  if (token.type === "def") {
    const { tag, href, title } = token as { tag: string; href: string; title: string };
    if (tag in links) return false;
    links[tag] = { href, title };
    return true;
  }
  const inner = "items" in token ? token.items : "tokens" in token ? token.tokens : undefined;
  // not `some`: every token has to be visited
  return ((inner ?? []) as Token[]).reduce((found, child) => define(child, links) || found, false);
}

export class Lexed {
  #settled: Block[] = [];
  /** The text of the settled blocks. */
  #head = "";
  #links: Links = Object.create(null) as Links;
  /** All definitions of the last reading, those of the open end too, and how often they were others than before. */
  #definitions = "{}";
  #changes = 0;
  #last: { source: string; open: boolean; blocks: readonly Block[] } | null = null;

  /**
   * The blocks of a text.
   *
   * @param open more text will follow: the last block is shown as it will probably be once it is complete.
   */
  blocks(source: string, open: boolean): readonly Block[] {
    if (this.#last?.source !== source || this.#last.open !== open) {
      this.#last = { source, open, blocks: this.#read(source, open) };
    }
    return this.#last.blocks;
  }

  #read(source: string, open: boolean): readonly Block[] {
    const text = source.includes("\r") ? source.replace(/\r\n?/g, "\n") : source;
    // a complete text is read in one piece: whatever the pieces were, the end is the same
    if (!open || !text.startsWith(this.#head)) this.#reset();
    const { tokens, links } = read(text.slice(this.#head.length), this.#links);
    const definitions = JSON.stringify(links);
    if (definitions !== this.#definitions) this.#changes += 1;
    this.#definitions = definitions;
    const tail = this.#settle(tokens, text, links);
    const last = tail.at(-1);
    if (open && last) {
      const better = completed(last.token);
      if (better !== null) {
        const again = read(better, links).tokens.filter((token) => token.type !== "space");
        tail.splice(-1, 1, ...again.map((token, index) => ({ token, start: last.start + index, links: last.links })));
      }
    }
    return this.#settled.concat(tail);
  }

  #reset(): void {
    this.#settled = [];
    this.#head = "";
    this.#links = Object.create(null) as Links;
  }

  /** Keeps all blocks but the last two, and returns those. */
  #settle(tokens: readonly (MarkedToken | Plain)[], text: string, links: Links): Block[] {
    const rows: { block: Block; end: number }[] = [];
    let start = this.#head.length;
    let exact = true;
    for (const token of tokens) {
      const end = start + token.raw.length;
      // the lexer joins some blocks and then `raw` is not what stood there: such a text is not cut
      exact &&= text.startsWith(token.raw, start);
      if (token.type !== "space") rows.push({ block: { token, start, links: this.#uses(token) }, end });
      start = end;
    }
    const settled = exact ? rows.splice(0, Math.max(0, rows.length - 2)) : [];
    for (const { block, end } of settled) {
      this.#settled.push(block);
      this.#head = text.slice(0, end);
      if (define(block.token, this.#links)) this.#refresh(links);
    }
    return rows.map((row) => row.block);
  }

  #uses(token: MarkedToken | Plain): number {
    return token.raw.includes("[") ? this.#changes : 0;
  }

  /** Reads settled blocks again that a new definition may complete. */
  #refresh(links: Links): void {
    this.#settled = this.#settled.map((block) => {
      if (!block.token.raw.includes("[") || block.token.type === "def") return block;
      const [token] = read(block.token.raw, links).tokens;
      return token ? { token, start: block.start, links: this.#uses(token) } : block;
    });
  }
}
