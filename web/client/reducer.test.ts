import { describe, expect, test } from "vitest";

import { type Action, reduce } from "./reducer";
import { type Asked, EMPTY, type Pending, type State } from "./state";
import { READY } from "./testing/world";
import type { Message } from "./protocol";

const user = (turn: number, extra: Partial<Message> = {}): Message => ({
  id: `m${turn}`,
  msg: `question ${turn}`,
  role: "user",
  timestamp: "2026-01-01T00:00:00Z",
  turn,
  ...extra,
});

const answer = (turn: number, msg: string, extra: Partial<Message> = {}): Message => ({
  id: `m${turn}.reply`,
  msg,
  role: "assistant",
  timestamp: "2026-01-01T00:00:09Z",
  turn,
  reply_to: `m${turn}`,
  status: "completed",
  ...extra,
});

const pending = (id: string, createdAt: number): Pending => ({ id, text: id, createdAt, step: "waiting" });

const accepted = (turn: number): Action => ({ type: "message.accepted", message: user(turn), cursor: `a${turn}` });
const started = (turn: number, text = "", attempt = 1): Action => ({
  type: "reply.started",
  turn,
  message_id: `m${turn}`,
  attempt,
  text,
});
const delta = (turn: number, text: string): Action => ({ type: "reply.delta", turn, text });

const after = (...actions: Action[]): State => actions.reduce(reduce, EMPTY);
const textOf = (state: State, turn: number) => state.turns.find((other) => other.turn === turn)?.reply?.text;

test("an attempt begins with what stays of the one before it, text and parts", () => {
  const part = (text: string): Action => ({ type: "reply.part", turn: 1, part: { type: "reasoning", text } });
  const kept = { ...started(1, "So: ", 2), parts: [{ type: "reasoning", text: "a" }, { type: "reasoning", text: "b" }] } as Action;
  const before = after(accepted(1), started(1), part("lost"), delta(1, "lost"));
  expect(reduce(before, kept).turns[0]?.reply).toMatchObject({ text: "So: ", parts: [{ text: "ab" }], attempt: 2 });
  expect(reduce(before, started(1, "", 2)).turns[0]?.reply?.parts).toEqual([]);
});

describe("snapshot", () => {
  test("replaces the turns and sets the cursor, also backwards", () => {
    const before = after(accepted(1), accepted(2), started(1), delta(1, "half"));
    const state = reduce(before, { type: "snapshot", messages: [user(1), answer(1, "whole")], cursor: "a1" });
    expect(state.turns.map((turn) => turn.turn)).toEqual([1]);
    expect(textOf(state, 1)).toBe("whole");
    expect(state.cursor).toBe("a1");
    expect(state.loaded).toBe(true);
  });

  test("brings the name of the session, which may have changed meanwhile", () => {
    const session = { id: "s", name: "Ada", session_start: "t" };
    const before: State = { ...EMPTY, session };
    expect(reduce(before, { type: "snapshot", messages: [], cursor: "c", name: "Bob" }).session?.name).toBe("Bob");
    expect(reduce(before, { type: "snapshot", messages: [], cursor: "c" }).session).toBe(session);
  });

  test("pairs questions and answers whatever their order", () => {
    const messages = [user(2), user(1), answer(1, "one")];
    const state = after({ type: "snapshot", messages, cursor: "c" });
    expect(state.turns.map((turn) => [turn.turn, turn.reply?.text ?? null])).toEqual([
      [1, "one"],
      [2, null],
    ]);
  });

  test("leaves turns that did not change as they are, so that nothing is drawn again", () => {
    const messages = [user(1), answer(1, "one"), user(2)];
    const before = after({ type: "snapshot", messages, cursor: "c" });
    const state = reduce(before, { type: "snapshot", messages: [...messages, answer(2, "two")], cursor: "d" });
    expect(state.turns[0]).toBe(before.turns[0]);
    expect(state.turns[1]).not.toBe(before.turns[1]);
  });

  test("takes what it holds out of the unsent messages, and leaves the others", () => {
    const before = after({ type: "local.send", message: pending("m1", 1) }, { type: "local.send", message: pending("x", 2) });
    const state = reduce(before, { type: "snapshot", messages: [user(1)], cursor: "c" });
    expect(state.pending.map((message) => message.id)).toEqual(["x"]);
  });

  test("keeps what was asked of a message until it is answered", () => {
    const asked = { type: "message.edit", message_id: "m1", text: "new" } as const;
    const before = after(accepted(1), { type: "local.ask", asked });
    const still = reduce(before, { type: "snapshot", messages: [user(1)], cursor: "c" });
    const done = reduce(before, { type: "snapshot", messages: [user(1, { msg: "new" })], cursor: "c" });
    expect(still.turns[0]?.asked).toEqual(asked);
    expect(done.turns[0]?.asked).toBeNull();
  });
});

describe("message.accepted", () => {
  test("moves a message from unsent to accepted", () => {
    const state = after({ type: "local.send", message: pending("m1", 1) }, accepted(1));
    expect(state.pending).toEqual([]);
    expect(state.turns).toHaveLength(1);
  });

  test("ignores a turn that is known", () => {
    const before = after(accepted(1), started(1), delta(1, "text"));
    const state = reduce(before, { type: "message.accepted", message: user(1), cursor: "later" });
    expect(state.turns).toBe(before.turns);
    expect(state.cursor).toBe("later");
  });
});

describe("a reply", () => {
  test("grows by its deltas", () => {
    expect(textOf(after(accepted(1), started(1), delta(1, "Hel"), delta(1, "lo")), 1)).toBe("Hello");
  });

  test("starts anew with a second attempt, from the text that it names", () => {
    const once = after(accepted(1), started(1), delta(1, "lost"), started(1, "kept ", 2), delta(1, "on"));
    expect(textOf(once, 1)).toBe("kept on");
    expect(once.turns[0]?.reply?.attempt).toBe(2);
  });

  test("takes no delta before it started, after it ended, or of an unknown turn", () => {
    const completed: Action = { type: "reply.completed", message: answer(1, "all"), cursor: "c" };
    const state = after(accepted(1), delta(1, "early"), started(1), completed, delta(1, "late"), delta(7, "stray"));
    expect(textOf(state, 1)).toBe("all");
    expect(state.turns).toHaveLength(1);
  });

  test("takes its whole text from its end, whatever was missing before", () => {
    const end: Action = { type: "reply.cancelled", message: answer(1, "all of it", { status: "cancelled" }), cursor: "c" };
    const state = after(accepted(1), started(1), delta(1, "all"), end);
    expect(state.turns[0]?.reply).toMatchObject({ text: "all of it", status: "cancelled" });
  });

  test("keeps its first outcome", () => {
    const first: Action = { type: "reply.completed", message: answer(1, "first"), cursor: "c" };
    const second: Action = { type: "reply.failed", message: answer(1, "second", { status: "failed" }), cursor: "d" };
    expect(after(accepted(1), first, second, started(1, "", 9)).turns[0]?.reply).toMatchObject({ text: "first", status: "completed" });
  });

  test("joins pieces of reasoning that follow each other", () => {
    const reasoning = (text: string): Action => ({ type: "reply.part", turn: 1, part: { type: "reasoning", text } });
    const call: Action = { type: "reply.part", turn: 1, part: { type: "tool_call", id: "t", name: "look", arguments: {} } };
    const state = after(accepted(1), started(1), reasoning("a"), reasoning("b"), call, reasoning("c"));
    expect(state.turns[0]?.reply?.parts.map((part) => (part.type === "reasoning" ? part.text : part.type))).toEqual([
      "ab",
      "tool_call",
      "c",
    ]);
  });
});

describe("the queue", () => {
  test("numbers stay and messages move after send-now, with what was asked of them", () => {
    const asked = { type: "message.edit", message_id: "m2", text: "two!" } as const;
    const before = after(accepted(1), accepted(2), accepted(3), started(1), { type: "local.ask", asked });
    const messages = [
      { ...user(3), turn: 2 },
      { ...user(2), turn: 3 },
    ];
    const state = reduce(before, { type: "queue.changed", messages, cursor: "c" });
    expect(state.turns.map((turn) => [turn.turn, turn.message.id, turn.asked?.type ?? null])).toEqual([
      [1, "m1", null],
      [2, "m3", null],
      [3, "m2", "message.edit"],
    ]);
    expect(state.turns[0]).toBe(before.turns[0]);
  });

  test("an older edit does not end a newer one", () => {
    const ask = (text: string): Action => ({ type: "local.ask", asked: { type: "message.edit", message_id: "m1", text } });
    const edited = (msg: string): Action => ({ type: "message.edited", message: user(1, { msg }), cursor: msg });
    const state = after(accepted(1), ask("one"), ask("two"), edited("one"));
    expect(state.turns[0]).toMatchObject({ message: { msg: "one" }, asked: { text: "two" } });
    expect(reduce(state, edited("two")).turns[0]?.asked).toBeNull();
  });

  test("a refusal ends what was asked, and is told", () => {
    const asked = { type: "message.withdraw", message_id: "m1" } as const;
    const state = after(accepted(1), { type: "local.ask", asked }, {
      type: "error",
      code: "not_waiting",
      message: "too late",
      message_id: "m1",
    });
    expect(state.turns[0]?.asked).toBeNull();
    expect(state.notice).toEqual({ code: "not_waiting", message: "too late" });
    expect(reduce(state, { type: "local.dismiss" }).notice).toBeNull();
  });

  test("a message that replicas do not have yet is no refusal", () => {
    const asked = { type: "reply.cancel", message_id: "m1" } as const;
    const state = after(accepted(1), { type: "local.ask", asked });
    expect(reduce(state, { type: "error", code: "unacknowledged", message: "not yet", message_id: "m1", retry_after: 1 })).toBe(state);
  });

  test("what is so already is not asked for", () => {
    const ask = (asked: Asked): Action => ({ type: "local.ask", asked });
    const waiting = after(accepted(1));
    expect(reduce(waiting, ask({ type: "message.edit", message_id: "m1", text: "question 1" }))).toBe(waiting);
    const judged = { feedback: "up" } as const;
    const done = after(accepted(1), { type: "reply.completed", message: answer(1, "all", judged), cursor: "c" });
    expect(reduce(done, ask({ type: "message.feedback", message_id: "m1.reply", value: "up" }))).toBe(done);
    expect(reduce(done, ask({ type: "message.feedback", message_id: "m1.reply", value: null }))).not.toBe(done);
  });

  test("a message that is being answered does not wait to be next any more", () => {
    const asked = { type: "message.send_now", message_id: "m1" } as const;
    expect(after(accepted(1), { type: "local.ask", asked }, started(1)).turns[0]?.asked).toBeNull();
  });

  test("an answer that is committed can be judged, and not stopped", () => {
    const done = after(accepted(1), { type: "reply.completed", message: answer(1, "all"), cursor: "c" });
    const stop: Action = { type: "local.ask", asked: { type: "reply.cancel", message_id: "m1" } };
    const judge: Action = { type: "local.ask", asked: { type: "message.feedback", message_id: "m1.reply", value: "up" } };
    expect(reduce(done, stop)).toBe(done);
    const state = reduce(reduce(done, judge), { type: "message.feedback", message_id: "m1.reply", value: "up", cursor: "d" });
    expect(state.turns[0]).toMatchObject({ asked: null, reply: { feedback: "up" } });
  });
});

test("an event that came last already changes nothing", () => {
  const hello: Action = { type: "reply.delta", turn: 1, text: "Hello", cursor: "c1" };
  const state = after(accepted(1), started(1), hello);
  expect(reduce(state, hello)).toBe(state);
});

test("an event of a newer server is passed over", () => {
  const state = after(READY);
  expect(reduce(state, { type: "tomorrow" } as unknown as Action)).toBe(state);
});

test("the session and its name", () => {
  const state = after(READY, { type: "session.renamed", name: "Grace", cursor: "c" });
  expect(state.session?.name).toBe("Grace");
  expect(state.limits?.inbox).toBe(3);
});
