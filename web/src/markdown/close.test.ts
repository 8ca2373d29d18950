import { Lexer, type Token } from "marked";
import { describe, expect, it } from "vitest";

import { close } from "./close";

describe("what is open at the end", () => {
  it.each([
    ["**bol", "**bol**"],
    ["**bold*", "**bold**"],
    ["*it", "*it*"],
    ["***both", "***both***"],
    ["**bold and *it", "**bold and *it***"],
    ["__du", "__du__"],
    ["~~go", "~~go~~"],
    ["`co", "`co`"],
    ["``a ` b", "``a ` b``"],
    ["**`co", "**`co`**"],
    ["`a **b", "`a **b`"],
    ["**bold** `code` *it* done", "**bold** `code` *it* done"],
    ["[lab", "lab"],
    ["[label]", "label"],
    ["[label](https://x", "label"],
    ["[label](https://x) on", "[label](https://x) on"],
    ["[a](https://x/b_c) *i", "[a](https://x/b_c) *i*"],
    ["![alt](https://x", "alt"],
    ["[**bold", "**bold**"],
    ["see [1]", "see [1]"],
    ["[x]", "[x]"],
  ])("%j → %j", (text, closed) => expect(close(text)).toBe(closed));

  it.each([
    ["some **", "some "],
    ["some *", "some "],
    ["some `", "some "],
    ["some [", "some "],
    ["a <st", "a "],
    ["**bold** and **", "**bold** and "],
  ])("leaves out what was only begun: %j", (text, closed) => expect(close(text)).toBe(closed));

  it.each(["2*3*4 = 24", "2 * 3", "snake_case_name", "a\\*b", "\\`x", "5 ~ 6", "f(x) [a] (b)", "1 < 2", ""])("leaves %j alone", (text) =>
    expect(close(text)).toBe(text),
  );
});

/** The text that a reader sees. */
const visible = (tokens: readonly Token[]): string =>
  tokens.map((token) => ("tokens" in token && token.tokens ? visible(token.tokens) : "text" in token ? String(token.text) : "")).join("");

it("never shows what will not be there, while a paragraph grows", () => {
  const text =
    "Use **bold**, *it*, `code`, ***both*** and ~~gone~~, [a link](https://x.example/a_b?c=d_e), then 2*3, snake_case_name, 5 * 3 " +
    "and \\*kept\\*. **Note:** *nested **deep** em* and __dunder__ `a ** b`; **`code in bold`** done, [**bold link**](https://a.b/c).";
  const whole = visible(new Lexer().lex(text));
  for (let end = 1; end <= text.length; end++) {
    const seen = visible(new Lexer().lex(close(text.slice(0, end)))).replace(/[\s\\]+$/, "");
    expect(whole.startsWith(seen), `${text.slice(0, end)} → ${seen}`).toBe(true);
  }
});
