import { describe, expect, it } from "vitest";

import { Lexed } from "./lex";
import { html, htmlOf } from "./testing";
import { safeUrl } from "./url";

const BAD = [
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  " javascript:alert(1)",
  "\u0001javascript:alert(1)",
  "java\nscript:alert(1)",
  "java\tscript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:msgbox(1)",
  "blob:https://x.example/1",
  "file:///etc/passwd",
  "filesystem:https://x.example/t",
  "about:blank",
  "view-source:https://x.example",
  "intent://x#Intent;end",
  "/relative",
  "//host/path",
  "#fragment",
  "?query",
  "",
  "http://",
  "https://[bad",
];

describe("addresses", () => {
  it.each(BAD)("refuses %j", (url) => expect(safeUrl(url)).toBeNull());

  it.each(["https://x.example/a?b#c", "http://127.0.0.1:8000/", "mailto:me@x.example"])("allows %j", (url) =>
    expect(safeUrl(url)).toBe(url),
  );
});

const ATTACKS = [
  "[a](javascript:alert(1))",
  "[a](<javascript:alert(1)>)",
  "[a](javascript&colon;alert(1))",
  "[a](&#106;avascript:alert(1))",
  "[a](&#x6A;avascript&#58;alert(1))",
  "[a](java&Tab;script:alert(1))",
  "[a](java&NewLine;script:alert(1))",
  "![a](javascript:alert(1))",
  "<javascript:alert(1)>",
  "[a][1]\n\n[1]: javascript:alert(1)",
  "[a]\n\n[a]: <data:text/html,x>",
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '<a href="javascript:alert(1)">x</a>',
  "<svg onload=alert(1)>",
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  "<b onmouseover=alert(1)>x</b>",
  "<sub><script>alert(1)</script></sub>",
  "```html\n<script>alert(1)</script>\n```",
  "```\"><script>alert(1)</script>\nx\n```",
  "| <script>alert(1)</script> |\n|-|\n| <img src=x onerror=alert(1)> |",
  "- <script>alert(1)</script>\n- [a](javascript:x)",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "<style>body{display:none}</style>",
  "<!-- --><base href=//evil.example>",
  '[a](https://x.example/"onclick="alert(1))',
  '[a](https://x.example/ "x\\" onclick=\\"alert(1)")',
];

/** Every element and every address in some HTML. */
const elements = (text: string) => [...text.matchAll(/<([a-z][a-z0-9]*)/g)].map(([, name]) => name);
const addresses = (text: string) => [...text.matchAll(/\s(?:href|src|action|srcdoc)="([^"]*)"/g)].map(([, url]) => url ?? "");
const handlers = (text: string) => [...text.matchAll(/<[a-z][^>]*\s(on\w+|style)=/g)];
const KNOWN = /^(p|h[3-6]|ul|ol|li|blockquote|hr|br|em|strong|del|code|pre|a|div|span|button|svg|path|rect|g|circle|table|thead|tbody|tr|th|td|sub|sup|kbd|mark|small|u|b|i|s)$/;

describe("hostile answers", () => {
  const pieces = (attack: string) => [...attack];

  it.each(ATTACKS)("%j becomes text, whole and letter by letter", async (attack) => {
    await import("character-entities"); // the names that hide a colon are known by then
    for (const result of [html(attack), htmlOf(pieces(attack)), htmlOf(pieces(attack), { open: true })]) {
      for (const name of elements(result)) expect(name).toMatch(KNOWN);
      for (const url of addresses(result)) expect(url).toMatch(/^(https?:|mailto:)/);
      // React writes quotes inside of attributes as references, so a handler could only be an attribute of its own
      expect(handlers(result.replace(/="[^"]*"/g, '=""'))).toEqual([]);
    }
  });

  it.each([
    ["quotations", ">".repeat(5000)],
    ["lists", `${"- ".repeat(3000)}x`],
    ["emphasis", `${"**a ".repeat(2000)}${"b** ".repeat(2000)}`],
    ["brackets", "[".repeat(5000)],
  ])("nested %s do not exhaust the stack", (_, text) => {
    const blocks = new Lexed().blocks(text, false);
    expect(blocks.every(({ token }) => token.type !== "plain")).toBe(true);
    expect(html(text).replace(/<[^>]*>/g, "").length).toBeGreaterThan(0);
  });
});
