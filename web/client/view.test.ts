import { describe, expect, test } from "vitest";

import { reduce } from "./reducer";
import { EMPTY, type Pending, type Reply, type State, type Turn } from "./state";
import { thread } from "./view";
import type { Message } from "./protocol";
import cases from "./testing/views.json";

// also read by tests/unit/test_view_cases.py
test.each(cases)("as everywhere else: $name", ({ messages, shown }) => {
  const rows = thread(reduce(EMPTY, { type: "snapshot", messages: messages as Message[], cursor: "c" }));
  expect(rows.flatMap(({ id, reply }) => (reply ? [id, reply.id] : [id]))).toEqual(shown);
});

const reply = (status: Reply["status"]): Reply => ({
  id: "r",
  text: "answer",
  parts: [],
  status,
  attempt: 1,
  timestamp: null,
  error: null,
  feedback: null,
  mergedInto: null,
});

const turn = (number: number, status: Reply["status"] | null, extra: Partial<Message> = {}, asked: Turn["asked"] = null): Turn => ({
  turn: number,
  message: { id: `m${number}`, msg: `text ${number}`, role: "user", timestamp: "t", turn: number, ...extra },
  reply: status && reply(status),
  asked,
});

const pending = (id: string, extra: Partial<Pending> = {}): Pending => ({ id, text: id, createdAt: 1, step: "waiting", ...extra });

const state = (turns: Turn[], unsent: Pending[] = []): State => ({ ...EMPTY, turns, pending: unsent });
const rows = (of: State) => thread(of).map((entry) => [entry.id, entry.step, entry.place]);

test("what waits is numbered, and unsent messages come last", () => {
  const waiting = [turn(1, "completed"), turn(2, "running"), turn(3, null), turn(4, null)];
  expect(rows(state(waiting, [pending("x"), pending("y", { step: "busy" })]))).toEqual([
    ["m1", "answered", 0],
    ["m2", "running", 0],
    ["m3", "queued", 1],
    ["m4", "queued", 2],
    ["x", "waiting", 0],
    ["y", "busy", 0],
  ]);
});

test("the next to be answered waits for nothing, though no worker took it yet", () => {
  expect(rows(state([turn(1, "failed"), turn(2, null), turn(3, null)])).slice(1)).toEqual([
    ["m2", "running", 0],
    ["m3", "queued", 1],
  ]);
});

test("of a turn that was replaced, the newest version is shown, with the older ones", () => {
  const turns = [
    turn(1, "completed"),
    turn(2, "completed", { replaces: "m1" }),
    turn(3, "completed"),
    turn(4, "running", { replaces: "m2" }),
  ];
  const shown = thread(state(turns));
  expect(shown.map((entry) => entry.id)).toEqual(["m3", "m4"]);
  expect(shown[1]?.versions.map((version) => version.message.id)).toEqual(["m1", "m2", "m4"]);
  expect(shown[0]?.versions).toHaveLength(1);
});

test("an unsent replacement hides what it replaces, and gives it back when it is refused", () => {
  const turns = [turn(1, "completed"), turn(2, "completed", { replaces: "m1" })];
  expect(rows(state(turns, [pending("x", { replaces: "m2" })])).map(([id]) => id)).toEqual(["x"]);
  expect(rows(state(turns, [pending("x", { replaces: "m1" })])).map(([id]) => id)).toEqual(["x"]);
  const refused = pending("x", { replaces: "m2", step: "refused" });
  expect(rows(state(turns, [refused])).map(([id]) => id)).toEqual(["m2", "x"]);
});

test("what was withdrawn is hidden with its outcome, and the version before it is back", () => {
  const turns = [turn(1, "completed"), turn(2, "cancelled", { replaces: "m1", withdrawn: true }), turn(3, null, { withdrawn: true })];
  expect(rows(state(turns))).toEqual([["m1", "answered", 0]]);
});

test("of versions that changed places, or replace the same one, the last turn is shown", () => {
  const ids = (...turns: Turn[]) => rows(state(turns)).map(([id]) => id);
  expect(ids(turn(1, "completed", { replaces: "m2" }), turn(2, null))).toEqual(["m2"]);
  expect(ids(turn(1, null, { replaces: "m3" }), turn(2, null, { replaces: "m3" }), turn(3, null))).toEqual(["m3"]);
  expect(ids(turn(1, null), turn(2, null, { replaces: "m1" }), turn(3, null, { replaces: "m1" }))).toEqual(["m3"]);
  const withdrawn = turn(2, "cancelled", { replaces: "m1", withdrawn: true });
  expect(ids(turn(1, "completed"), withdrawn, turn(3, "completed", { replaces: "m1" }))).toEqual(["m3"]);
});

test("what is being withdrawn is hidden at once, and what is being edited shows the new text", () => {
  const turns = [
    turn(1, "running"),
    turn(2, null, {}, { type: "message.withdraw", message_id: "m2" }),
    turn(3, null, {}, { type: "message.edit", message_id: "m3", text: "new" }),
  ];
  expect(thread(state(turns)).map((entry) => [entry.text, entry.place])).toEqual([
    ["text 1", 0],
    ["new", 1],
  ]);
});

test("an entry that did not change is the same object, so that it is not drawn again", () => {
  const before = state([turn(1, "completed"), turn(2, "running"), turn(3, null)], [pending("x")]);
  const grown = { ...before, turns: before.turns.with(1, turn(2, "running")) };
  const [one, two, three, unsent] = thread(before);
  const after = thread(grown);
  expect([after[0] === one, after[1] === two, after[2] === three, after[3] === unsent]).toEqual([true, false, true, true]);
  expect(thread(grown)).toBe(after);
  // its place changed though the turn did not
  const moved = thread({ ...before, turns: before.turns.with(1, turn(2, "completed")) });
  expect(moved[2]).toMatchObject({ id: "m3", step: "running", place: 0 });
});

describe("a question", () => {
  const question = { type: "question", text: "Sure?", options: ["Yes", "No"] } as const;
  const asking = (number: number, extra: Partial<Reply> = {}): Turn => {
    const one = turn(number, "completed", { timestamp: "2026-01-01T00:00:00.000Z" });
    return { ...one, reply: { ...reply("completed"), id: `m${number}.reply`, parts: [question], timestamp: "2026-01-01T00:00:05.000Z", ...extra } };
  };
  const later = { timestamp: "2026-01-01T00:00:06.000Z" };
  const of = (...parameters: Parameters<typeof state>) => thread(state(...parameters)).map(({ asks, answer }) => answer ?? (asks ? "open" : "-"));

  test("is open until a message answers it, and then says how", () => {
    expect(of([asking(1)])).toEqual(["open"]);
    expect(of([asking(1), turn(2, "running", { answers: "m1.reply" })])).toEqual(["text 2", "-"]);
    expect(of([asking(1), turn(2, "completed", { answers: "m1.reply" }), turn(3, "completed")])).toEqual(["text 2", "-", "-"]);
  });

  test("is open again once its answer was taken back, and not for messages from before it", () => {
    expect(of([asking(1), turn(2, "cancelled", { answers: "m1.reply", withdrawn: true })])).toEqual(["open"]);
    expect(of([asking(1), turn(2, "completed")])).toEqual(["open", "-"]);
  });

  test("is given up for a later one, and when what was before it is changed", () => {
    expect(of([asking(1), asking(2)])).toEqual(["-", "open"]);
    expect(of([turn(1, "completed"), asking(2), turn(3, "completed", { replaces: "m1", ...later })])).toEqual(["-", "-"]);
    expect(of([turn(1, "completed"), asking(2), turn(3, "completed", { replaces: "m1", timestamp: "2026-01-01T00:00:04.000Z" })])).toEqual(["open", "-"]);
    expect(of([asking(1), turn(2, "cancelled", { replaces: "m1", withdrawn: true, ...later })])).toEqual(["-"]);
  });

  test("of a reply that did not end well, or went on after it, is none", () => {
    expect(of([asking(1, { status: "running" })])).toEqual(["-"]);
    expect(of([asking(1, { status: "failed" })])).toEqual(["-"]);
    expect(of([asking(1, { parts: [question, { type: "reasoning", text: "hm" }] })])).toEqual(["-"]);
  });

  test("waits for the message that is under way, and is open again if that was refused", () => {
    expect(of([asking(1)], [pending("Yes", { answers: "m1.reply" })])).toEqual(["Yes", "-"]);
    expect(of([asking(1)], [pending("x")])).toEqual(["-", "-"]);
    expect(of([asking(1)], [pending("Yes", { answers: "m1.reply", step: "refused" })])).toEqual(["open", "-"]);
  });

  test("makes another entry when it is answered, so that its buttons go", () => {
    const before = state([asking(1)]);
    const [open] = thread(before);
    const after = thread({ ...before, turns: [...before.turns, turn(2, null, { answers: "m1.reply" })] });
    expect(after[0]).not.toBe(open);
    expect(after[0]?.turn).toBe(open?.turn);
    expect(thread({ ...before, pending: [pending("x")] })[0]?.asks).toBe(false);
  });
});
