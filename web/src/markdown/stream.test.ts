import { describe, expect, it } from "vitest";

import { long, markdown, xss } from "../../dev/texts.js";
import { Lexed } from "./lex";
import { html, htmlOf } from "./testing";

/** Small texts made of what changes the meaning of what stands before it. */
const PARTS = [
  "word", " ", "\n", "\n\n", "- ", "* ", "1. ", "2", ". ", "# ", "> ", "```", "```js\n", "~~~", "|", "|-|", "|---|---|", "**", "*", "_", "`",
  "[a]", "[a]: https://x.example/", "(https://x.example)", "![", "]", "===", "---", "    ", "  ", "<b>", "<div>", "<!--", "-->", "&amp;",
  "&eacute;", "\\", "~~", "https://x.example", '"title"', "[ ] ", "[x] ", "\r\n", "é", "😀", "\t", "+ ", "10) ",
];

/** The same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

function cut(text: string, next: () => number, longest = 12): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(next() * longest);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

describe("a text that grows", () => {
  it.each([
    ["an answer", markdown],
    ["an attack", xss],
    ["a long answer", long(3000)],
  ])("%s ends the same as in one piece", (_, text) => {
    expect(htmlOf(cut(text, random(1), 60))).toBe(html(text));
  });

  it("renders every beginning of it", () => {
    for (let end = 1; end < markdown.length; end += 11) {
      expect(() => htmlOf([markdown.slice(0, end)], { open: true })).not.toThrow();
    }
  });

  it("settles blocks as they are in the whole text, whatever comes after", () => {
    const next = random(7);
    for (let round = 0; round < 400; round++) {
      const text = Array.from({ length: 3 + Math.floor(next() * 18) }, () => PARTS[Math.floor(next() * PARTS.length)]).join("");
      const pieces = cut(text, next);
      const grown = new Lexed();
      let sofar = "";
      for (const piece of pieces) grown.blocks((sofar += piece), true);
      const settled = grown.blocks(text, true).slice(0, -2);
      const whole = new Lexed().blocks(text, false);
      const shape = (blocks: typeof whole) => blocks.map(({ token, start }) => [start, token.type, token.raw.trimEnd()]);
      expect(shape(settled), JSON.stringify(text)).toEqual(shape(whole.slice(0, settled.length)));
      if (round % 8 === 0) expect(htmlOf(pieces), JSON.stringify(text)).toBe(html(text));
    }
  });

  it("keeps settled blocks as they are, object by object", () => {
    const lexed = new Lexed();
    const before = lexed.blocks("one\n\ntwo\n\nthree\n\nfour", true);
    const after = lexed.blocks("one\n\ntwo\n\nthree\n\nfour and more", true);
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });

  it("lets a definition at the end complete a link at the beginning", () => {
    const lexed = new Lexed();
    const text = "see [it]\n\nb\n\nc\n\nd\n\n";
    expect(JSON.stringify(lexed.blocks(text, true)[0])).not.toContain("x.example");
    const blocks = lexed.blocks(`${text}[it]: https://x.example/\n\ne\n\nf\n\ng`, true);
    expect(JSON.stringify(blocks[0])).toContain("x.example");
    expect(blocks[0]?.links).toBe(1);
  });

  it("starts again where the text is another one", () => {
    const lexed = new Lexed();
    lexed.blocks("one\n\ntwo\n\nthree\n\nfour", true);
    expect(lexed.blocks("another\n\nattempt", true).map(({ token }) => token.raw)).toEqual(["another", "attempt"]);
  });
});

describe("what is drawn once", () => {
  const parts = ["[a]", "[b]", "one", "\n\n", "\n\n", "\n\n", "\n", "- ", "\n\n[a]: https://x", "\n\n[b]: https://y", ".example/"];

  it("says the same for as long as its start, its text and its links are the same", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const next = random(seed);
      const lexed = new Lexed();
      const drawn = new Map<string, string>();
      const look = (text: string, open: boolean) =>
        lexed.blocks(text, open).forEach(({ token, start, links }, index, all) => {
          const key = JSON.stringify([start, token.raw, links, open && index === all.length - 1]);
          const content = JSON.stringify(token);
          expect(drawn.get(key) ?? content, `${seed}: ${text}`).toBe(content);
          drawn.set(key, content);
        });
      let text = "";
      for (let step = 0; step < 25; step += 1) look((text += parts[Math.floor(next() * parts.length)]), true);
      look(text, false);
    }
  });

  it("is drawn again when its link is defined by one of the last lines", () => {
    const lexed = new Lexed();
    const first = (text: string, open: boolean) => lexed.blocks(text, open)[0];
    const before = first("[a]\n\none\n\ntwo\n\n", true);
    const after = first("[a]\n\none\n\ntwo\n\n[a]: https://x.example/", false);
    expect(after?.token.raw).toBe(before?.token.raw);
    expect(after?.links).not.toBe(before?.links);
  });
});

describe("the end of a text that grows", () => {
  const open = (text: string) => htmlOf([text], { open: true });

  it.each([
    ["some **bol", "<p>some <strong>bol</strong></p>"],
    ["some `cod", "<p>some <code>cod</code></p>"],
    ["a ~~stri", "<p>a <del>stri</del></p>"],
    ["see [the pa", "<p>see the pa</p>"],
    ["see [the page](https://x.exa", "<p>see the page</p>"],
    ["one\n-", "<p>one</p>"],
    ["- one\n- ", "<ul><li>one</li></ul>"],
    ["- one\n- **tw", "<ul><li>one</li><li><strong>tw</strong></li></ul>"],
    ["text\n\n#", "<p>text</p>"],
    ["text\n\n``", "<p>text</p>"],
  ])("%j", (text, expected) => expect(open(text)).toBe(expected));

  it("shows a table from its first line on", () => {
    for (const text of ["| a | b |", "| a | b |\n", "| a | b |\n|", "| a | b |\n|--", "| a | b |\n|---|--", "| a | b |\n|---|---|\n| 1"]) {
      expect(open(text), text).toContain('<th scope="col">a</th><th scope="col">b</th>');
    }
  });

  it("leaves code alone", () => {
    expect(open("```js\nconst a = **b")).toContain("<code>const a = **b</code>");
    expect(open("- item\n  ```\n  **x")).toContain("<code>**x</code>");
  });
});
