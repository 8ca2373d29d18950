/** For tests: what a text looks like as HTML. No browser takes part in it, and nothing here is in the bundle. */
import { renderToStaticMarkup } from "react-dom/server";

import { Block } from "./Blocks";
import { levels } from "./headings";
import { Lexed } from "./lex";

/** The HTML of a text that arrives in pieces; each piece is rendered. */
export function htmlOf(pieces: readonly string[], { open = false } = {}): string {
  const lexed = new Lexed();
  let text = "";
  let html = "";
  pieces.forEach((piece, index) => {
    text += piece;
    const growing = open || index < pieces.length - 1;
    const blocks = lexed.blocks(text, growing);
    const outline = levels(blocks);
    html = blocks
      .map(({ token, links }, at) =>
        renderToStaticMarkup(<Block token={token} depth={0} level={outline[at] ?? 0} version={links} open={growing} />),
      )
      .join("");
  });
  return html.replace(/ dir="auto"/g, "").replace(/ class="[^"]*"/g, "");
}

export const html = (text: string): string => htmlOf([text]);
