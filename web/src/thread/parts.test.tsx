import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";

import type { Chat } from "../../client";
import type { Part } from "../../client/protocol";
import type { Reply } from "../../client/state";
import { type Language, LANGUAGES, load } from "../i18n/languages";
import { texts } from "../i18n/text";
import { SpeechContext } from "../i18n/useText";
import { Answer } from "./Answer";
import { ThreadContext } from "./context";
import { usage } from "./usage";

const data = (name: string, value: unknown): Part => ({ type: "data", name, value });
const tokens = (input: unknown, output: unknown) => data("usage", { input_tokens: input, output_tokens: output });

async function show(parts: readonly Part[], { status = "completed", text = "", language = "en" as Language } = {}): Promise<string> {
  const reply = { id: "r", text, parts, status, attempt: 1, timestamp: null, error: null, feedback: null } as Reply;
  const speech = { language, text: texts(language, await load(language)), change: () => {} };
  return renderToStaticMarkup(
    <SpeechContext value={speech}>
      <ThreadContext value={{ chat: {} as Chat, live: true }}>
        <Answer reply={reply} asked={null} onAgain={null} versions={null} last />
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
