import { describe, expect, it } from "vitest";

import { complete, decode, subscribe } from "./entities";
import { html } from "./testing";

describe("character references", () => {
  it.each([
    ["&amp;&lt;&gt;&quot;&nbsp;", "&<>\"\u00A0"],
    ["&#65;&#x1F600;&#x41;", "A😀A"],
    ["&#0; &#xD800; &#x110000;", "\uFFFD \uFFFD \uFFFD"],
    ["&amp;lt;", "&lt;"],
    ["&nosuchname; &amp &;", "&nosuchname; &amp &;"],
  ])("%j", (text, expected) => expect(decode(text)).toBe(expected));

  it("loads the whole table when a rare name is met", async () => {
    const arrived = new Promise<void>((resolve) => subscribe(resolve));
    expect(complete()).toBe(false);
    expect(decode("&eacute;")).toBe("&eacute;");
    await arrived;
    expect(complete()).toBe(true);
    expect(decode("&eacute;&CounterClockwiseContourIntegral;&constructor;")).toBe("é∳&constructor;");
  });

  it("means them in text and addresses, but not in code", () => {
    expect(html("&copy; &#38;amp; `&copy;`")).toBe("<p>© &amp;amp; <code>&amp;copy;</code></p>");
  });
});
