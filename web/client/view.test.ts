import { expect, test } from "vitest";

import { EMPTY, type Pending, type Reply, type State, type Turn } from "./state";
import { thread } from "./view";
import type { Message } from "./protocol";

const reply = (status: Reply["status"]): Reply => ({
  id: "r",
  text: "answer",
  parts: [],
  status,
  attempt: 1,
  timestamp: null,
  error: null,
  feedback: null,
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
