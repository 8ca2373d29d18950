import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test, vi } from "vitest";

import type { Chat } from "../../client";
import type { File, Part } from "../../client/protocol";
import type { Reply } from "../../client/state";
import { type Language, LANGUAGES, load } from "../i18n/languages";
import { texts } from "../i18n/text";
import { SpeechContext } from "../i18n/useText";
import { Answer } from "./Answer";
import { ThreadContext } from "./context";
import { fileKind, fileName, fileSize, fileUrl } from "./file";
import { FileList } from "./FileList";
import { usage } from "./usage";

const data = (name: string, value: unknown): Part => ({ type: "data", name, value });
const tokens = (input: unknown, output: unknown) => data("usage", { input_tokens: input, output_tokens: output });

const shown = { status: "completed", text: "", language: "en" as Language, live: true, asks: false, answer: null as string | null };

async function show(parts: readonly Part[], how: Partial<typeof shown> = {}): Promise<string> {
  const { status, text, language, live, asks, answer } = { ...shown, ...how };
  const reply = { id: "r", text, parts, status, attempt: 1, timestamp: null, error: null, feedback: null, mergedInto: null } as Reply;
  const speech = { language, text: texts(language, await load(language)), change: () => {} };
  return renderToStaticMarkup(
    <SpeechContext value={speech}>
      <ThreadContext value={{ chat: {} as Chat, live, answer: () => {} }}>
        <Answer reply={reply} asks={asks} answer={answer} asked={null} onAgain={null} versions={null} last />
      </ThreadContext>
    </SpeechContext>,
  );
}

describe("tokens", () => {
  test("are one line with the details of the answer, and no card", async () => {
    const html = await show([tokens(1234, 56)]);
    expect(html).toContain("Tokens: 1,234 in, 56 out");
    expect(html).not.toContain("<details");
  });

  test.each(Object.keys(LANGUAGES) as Language[])("are said in %s, with numbers as it writes them", async (language) => {
    const number = new Intl.NumberFormat(language);
    const html = await show([tokens(12345, 678)], { language });
    expect(html).toContain(number.format(12345));
    expect(html).toContain(number.format(678));
    if (language === "de") expect(html).toContain("Tokens: 12.345 gelesen, 678 geschrieben");
  });

  test("are not shown before the answer is there", async () => {
    expect(await show([tokens(1, 2)], { status: "running" })).not.toContain("Tokens");
  });

  test("are added up, and nothing where nothing is told", () => {
    expect(usage([tokens(1, 2), { type: "reasoning", text: "x" }, tokens(30, 40)])).toEqual({ input: 31, output: 42 });
    expect(usage([{ type: "reasoning", text: "x" }])).toBeNull();
  });

  test("told in other words they are shown as they were said", async () => {
    for (const part of [data("usage", { cost: "2 cents" }), tokens("many", 2), tokens(-1, 2), data("usage", "2 cents")]) {
      expect(usage([part])).toBeNull();
      expect(await show([part])).toContain("<details");
    }
  });
});

describe("an agent's state", () => {
  const states = [data("state", { step: 1 }), data("state_delta", [{ op: "add", path: "/step", value: 2 }])];

  test("is not shown", async () => {
    expect(await show(states)).not.toMatch(/details|step/);
  });

  test("does not end the wait for something to read", async () => {
    expect(await show(states, { status: "running" })).toContain("Thinking…");
    expect(await show([{ type: "tool_call", id: "1", name: "look", arguments: {} }], { status: "running" })).not.toContain("Thinking…");
  });

  test("does not close the reasoning before it", async () => {
    expect(await show([{ type: "reasoning", text: "hm" }, ...states], { status: "running" })).toMatch(/<details[^>]* open/);
  });
});

describe("other data", () => {
  test("is folded away under its name, not called a tool", async () => {
    const html = await show([data("weather", { sky: "<clear>" })]);
    expect(html).toContain("weather");
    expect(html).toContain("&lt;clear&gt;");
    expect(html).not.toContain("Used");
  });

  test("without a value is for programs", async () => {
    expect(await show([data("ping", null)])).not.toContain("ping");
  });
});

describe("a question", () => {
  const question: Part = { type: "question", text: "Delete it?", options: ["Delete it", "Keep <it>"] };

  test("is said by the text of the reply, not by its part; its options are buttons while it is open", async () => {
    const html = await show([question], { text: "Delete it?", asks: true });
    expect(html.match(/Delete it\?/g)).toHaveLength(1);
    expect(html.match(/<button[^>]*dir="auto"[^>]*>(Delete it|Keep &lt;it&gt;)<\/button>/g)).toHaveLength(2);
  });

  test("that is answered, given up, or in a chat that ended has no buttons", async () => {
    const options = /<button[^>]*dir="auto"/;
    const answered = await show([question], { answer: " DELETE it " });
    expect(answered).not.toMatch(options);
    expect(answered).toMatch(/<li[^>]*data-chosen[^>]*>.*Chosen:.*Delete it.*<\/li><li[^>]*><span dir="auto">Keep/);
    for (const how of [{ answer: "something else" }, {}, { asks: true, live: false }]) {
      const html = await show([question], how);
      expect(html).toContain("Keep &lt;it&gt;");
      expect(html).not.toMatch(options);
      expect(html).not.toContain("data-chosen");
    }
  });

  test("without options, or in the middle of a reply, offers nothing", async () => {
    expect(await show([{ type: "question", text: "Why?" }], { asks: true })).not.toContain("<ul");
    expect(await show([question, data("x", 1)], { asks: true })).not.toContain("<ul");
  });
});

describe("a file", () => {
  const file = (url: string, more: Partial<File> = {}): File => ({ type: "file", url, ...more });

  test("leads only to the web", () => {
    const at = (url: string) => fileUrl(url, "https://chat.example");
    expect(at("https://example.org/a b.pdf")).toBe("https://example.org/a%20b.pdf");
    expect(at("/files/1")).toBe("https://chat.example/files/1");
    expect(at("files/1")).toBe("https://chat.example/files/1");
    for (const url of ["javascript:alert(1)", "java\nscript:alert(1)", " data:text/html,x", "blob:https://example.org/1", "file:///etc/passwd", "mailto:a@example.org", "https://"]) {
      expect(at(url)).toBeNull();
    }
  });

  test("has a name, a kind and a size, as far as they are known", () => {
    expect(fileName(file("https://example.org/a/Pl%C3%A4ne.pdf?x=/y#z"))).toBe("Pläne.pdf");
    expect(fileName(file("https://example.org/100%"))).toBe("100%");
    expect(fileName(file("/x", { name: "Report" }))).toBe("Report");
    expect(fileKind(file("/x.tar.gz"))).toBe("GZ");
    expect(fileKind(file("/x", { media_type: "image/png" }))).toBe("PNG");
    expect(fileKind(file("/x", { media_type: "application/vnd.oasis.opendocument.text" }))).toBe("");
    const sizes = [0, 999, 1234, 1_250_000, 5e15].map((size) => fileSize(file("/x", { size }), "en"));
    expect(sizes).toEqual(["0 bytes", "999 bytes", "1.2 kB", "1.3 MB", "5,000 TB"]);
    expect(fileSize(file("/x", { size: 1_250_000 }), "de")).toBe("1,3 MB");
    expect(fileSize(file("/x"), "en") + fileSize(file("/x", { size: -1 }), "en")).toBe("");
  });

  test("is a card, and a link if that is safe; nothing of it is loaded", async () => {
    const speech = { language: "en" as Language, text: texts("en", await load("en")), change: () => {} };
    vi.stubGlobal("location", { origin: "https://chat.example" });
    const files = [file("https://example.org/sea.png", { media_type: "image/png", size: 2048 }), file("javascript:alert(1)", { name: "bad" })];
    const html = renderToStaticMarkup(
      <SpeechContext value={speech}>
        <FileList files={files} />
      </SpeechContext>,
    );
    expect(html.match(/<a [^>]*>/g)).toEqual([expect.stringContaining('href="https://example.org/sea.png" target="_blank" rel="noopener noreferrer nofollow"')]);
    expect(html).toContain("PNG · 2 kB");
    expect(html).toContain("bad");
    expect(html).not.toMatch(/<img|src=|javascript/);
  });
});
