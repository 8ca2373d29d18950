import type { Block } from "./lex";

/** The name of the chat is a heading of level 1, who speaks of level 2. */
const ABOVE = 2;

/**
 * The levels of the headings among some blocks; 0 for other blocks.
 *
 * Models begin with `##` or `###` as they like. For those who go from heading to heading by ear the outline must have no
 * holes, so the first one counts as the highest and none is more than one level below the one before. They look as they
 * were meant all the same.
 */
export function levels(blocks: readonly Block[]): readonly number[] {
  let first: number | null = null;
  let previous = ABOVE;
  return blocks.map(({ token }) => {
    if (token.type !== "heading") return 0;
    first ??= token.depth;
    previous = Math.min(Math.max(token.depth - first + ABOVE + 1, ABOVE + 1), previous + 1, 6);
    return previous;
  });
}
