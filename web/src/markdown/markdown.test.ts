import { describe, expect, it } from "vitest";

import { html } from "./testing";

const LINK = 'target="_blank" rel="noopener noreferrer nofollow"';

describe("blocks", () => {
  it.each([
    ["a paragraph over\ntwo lines", "<p>a paragraph over\ntwo lines</p>"],
    ["one\n\ntwo", "<p>one</p><p>two</p>"],
    ["hard  \nbreak\\\nhere", "<p>hard<br/>break<br/>here</p>"],
    ["# One\n## Two\n### Three\n# One", "<h3>One</h3><h4>Two</h4><h5>Three</h5><h3>One</h3>"],
    ["### First\n###### far below\n# above", "<h3>First</h3><h4>far below</h4><h3>above</h3>"],
    ["> # quoted", "<blockquote><p>quoted</p></blockquote>"],
    ["Setext\n===\nagain\n---", "<h3>Setext</h3><h4>again</h4>"],
    ["***\n- - -\n___", "<hr/><hr/><hr/>"],
    ["> quoted\n> > twice\n\nout", "<blockquote><p>quoted</p><blockquote><p>twice</p></blockquote></blockquote><p>out</p>"],
    ["> lazy\ncontinuation", "<blockquote><p>lazy\ncontinuation</p></blockquote>"],
  ])("%j", (text, expected) => expect(html(text)).toBe(expected));

  it("shows the language and the text of a fence, and copies it", () => {
    const code = html("```python title=x\nprint('<b>')\n```");
    expect(code).toContain("<span>python</span>");
    expect(code).toContain("<code>print(&#x27;&lt;b&gt;&#x27;)</code>");
    expect(code).toContain('aria-label="Copy code"');
  });

  it("reads indented code and tilde fences", () => {
    expect(html("    four\n    spaces")).toContain("<code>four\nspaces</code>");
    expect(html("~~~\na ``` b\n~~~")).toContain("<code>a ``` b</code>");
  });
});

describe("lists", () => {
  it.each([
    ["- a\n- b", "<ul><li>a</li><li>b</li></ul>"],
    ["- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"],
    ["3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'],
    ["1. a\n   - b\n     1. c\n2. d", "<ol><li>a<ul><li>b<ol><li>c</li></ol></li></ul></li><li>d</li></ol>"],
    ["- a\n\n  second\n- b", "<ul><li><p>a</p><p>second</p></li><li><p>b</p></li></ul>"],
    ["- a\n* b", "<ul><li>a</li></ul><ul><li>b</li></ul>"],
  ])("%j", (text, expected) => expect(html(text)).toBe(expected));

  it("says of a task whether it is done, tight and loose", () => {
    for (const gap of ["\n", "\n\n"]) {
      const list = html(`- [x] *done*${gap}- [ ] open`);
      expect(list.match(/aria-label="(Done|To do)"/g)).toEqual(['aria-label="Done"', 'aria-label="To do"']);
      expect(list).toContain("<em>done</em>");
      expect(list).not.toContain("[x]");
      expect(list).not.toContain("<input");
    }
  });

  it("keeps code inside of an item", () => {
    expect(html("1. a\n   ```js\n   x\n   ```\n2. b")).toMatch(/^<ol><li>a<div.*<code>x<\/code>.*<\/li><li>b<\/li><\/ol>$/);
  });
});

describe("tables", () => {
  it("knows heads, cells and empty ones", () => {
    const table = html("| a | *b* |\n|:-|-:|\n| 1 | `x` |\n| 2 |");
    expect(table).toContain('<th scope="col">a</th><th scope="col"><em>b</em></th>');
    expect(table).toContain("<tr><td>1</td><td><code>x</code></td></tr><tr><td>2</td><td></td></tr>");
  });

  it("takes escaped pipes as text, and needs its second line", () => {
    expect(html("| a |\n|-|\n| x \\| y |")).toContain("<td>x | y</td>");
    expect(html("| a | b |\ntext")).toBe("<p>| a | b |\ntext</p>");
  });
});

describe("inside of a paragraph", () => {
  it.each([
    ["**strong** and *em* and ***both***", "<strong>strong</strong> and <em>em</em> and <em><strong>both</strong></em>"],
    ["snake_case_name and 2*3*4", "snake_case_name and 2<em>3</em>4"],
    ["~~gone~~ and \\*kept\\*", "<del>gone</del> and *kept*"],
    ["`` a ` b `` and `<i>`", "<code>a ` b</code> and <code>&lt;i&gt;</code>"],
    ["H<sub>2</sub>O<br>and <b>*x*</b>", "H<sub>2</sub>O<br/>and <b><em>x</em></b>"],
    ["<sub>open", "&lt;sub&gt;open"],
    ["<u onclick=alert(1)>x</u>", "&lt;u onclick=alert(1)&gt;x&lt;/u&gt;"],
  ])("%j", (text, expected) => expect(html(text)).toBe(`<p>${expected}</p>`));

  it.each([
    ["[a](https://x.example/ \"t &amp; u\")", `<a href="https://x.example/" title="t &amp; u" ${LINK}>a</a>`],
    ["<https://x.example/?a=1&amp;b>", `<a href="https://x.example/?a=1&amp;amp;b" ${LINK}>https://x.example/?a=1&amp;amp;b</a>`],
    ["www.x.example", `<a href="http://www.x.example/" ${LINK}>www.x.example</a>`],
    ["me@x.example", `<a href="mailto:me@x.example" ${LINK}>me@x.example</a>`],
    ["[*a*][1]\n\n[1]: https://x.example/", `<a href="https://x.example/" ${LINK}><em>a</em></a>`],
    ["[a](https://x.example/?q=a&amp;b)", `<a href="https://x.example/?q=a&amp;b" ${LINK}>a</a>`],
    ["[undefined] and [undefined][x]", "[undefined] and [undefined][x]"],
  ])("links: %j", (text, expected) => expect(html(text)).toBe(`<p>${expected}</p>`));

  it("never loads an image, but leads to it", () => {
    const image = html("![a *map*](https://x.example/m.png)");
    expect(image).not.toContain("<img");
    expect(image).toContain(`href="https://x.example/m.png" ${LINK}`);
    expect(image).toContain("a *map*");
  });
});
