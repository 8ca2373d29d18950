/**
 * The tokenizer of marked, with bounds. A model can write what nobody would: quotations two thousand levels deep, forty
 * thousand characters of `_a_a_a`. Unbounded, the first exhausts the stack and the second takes seconds.
 */
import { Tokenizer, type Tokens } from "marked";

/** Nested deeper, a marker is text. */
const DEPTH = 20;

/** How far ahead one piece of text looks for an address or an email. */
const AHEAD = 1000;

/** The beginning of a long text, up to a space: no address reaches across one. */
function near(source: string): string {
  if (source.length <= AHEAD) return source;
  const space = source.lastIndexOf(" ", AHEAD);
  // not between the spaces of a hard line break
  return source.slice(0, space > 0 ? source.slice(0, space).trimEnd().length || AHEAD : AHEAD);
}

export class Careful extends Tokenizer {
  #depth = 0;

  override blockquote(source: string): Tokens.Blockquote | undefined {
    return this.#within(() => super.blockquote(source));
  }

  override list(source: string): Tokens.List | undefined {
    return this.#within(() => super.list(source));
  }

  override emStrong(source: string, masked: string, previous?: string): Tokens.Em | Tokens.Strong | undefined {
    return this.#within(() => super.emStrong(source, masked, previous));
  }

  override del(source: string, masked: string, previous?: string): Tokens.Del | undefined {
    return this.#within(() => super.del(source, masked, previous));
  }

  override url(source: string): Tokens.Link | undefined {
    return super.url(near(source));
  }

  override inlineText(source: string): Tokens.Text | undefined {
    return super.inlineText(near(source));
  }

  #within<Token>(read: () => Token | undefined): Token | undefined {
    if (this.#depth >= DEPTH) return undefined;
    this.#depth += 1;
    try {
      return read();
    } finally {
      this.#depth -= 1;
    }
  }
}
