import { beforeEach, describe, expect, test, vi } from "vitest";

import { OUTBOX_LIMIT } from "./outbox";
import { type Chat, openChat } from "./store";
import { BASE, Clock, READY, SESSION, SharedStorage, Tab } from "./testing/world";
import { thread } from "./view";
import type { Event, Message } from "./protocol";

let clock: Clock;
let storage: SharedStorage;
let tab: Tab;
let chat: Chat;
let events: number;

beforeEach(() => {
  clock = new Clock();
  storage = new SharedStorage();
  tab = new Tab(clock, undefined, storage);
  chat = openChat(SESSION, { base: BASE, environment: tab });
  events = 0;
});

const message = (id: string, turn: number, msg = id): Message => ({ id, msg, role: "user", timestamp: "t", turn });
const receive = (event: Event, on = tab) => on.socket.receive("cursor" in event ? event : { ...event, cursor: `c${events++}` });
const accept = (id: string, turn: number, on = tab) => receive({ type: "message.accepted", message: message(id, turn) }, on);
const refuse = (id: string, code: string, after?: number) =>
  tab.socket.receive({ type: "error", code, message: code, message_id: id, ...(after ? { retry_after: after } : {}) });

function connect(messages: Message[] | null = [], on = tab): void {
  on.socket.accept();
  on.socket.receive(READY);
  if (messages) receive({ type: "snapshot", messages }, on);
}

/** The texts that the page sends now. */
const texts = (on = tab) => on.socket.commands().map((command) => command.text ?? command.type);
const steps = (of = chat) => thread(of.getSnapshot()).map((entry) => `${entry.text} ${entry.step}`);

describe("sending", () => {
  test("one at a time: the next when the one before is accepted", () => {
    connect();
    const first = chat.send("one");
    chat.send("two");
    expect(steps()).toEqual(["one sending", "two waiting"]);
    expect(texts()).toEqual(["one"]);
    accept(first, 1);
    expect(texts()).toEqual(["two"]);
    clock.pass(16);
    expect(steps()).toEqual(["m1 running", "two sending"]);
  });

  test("without a connection it waits, and leaves by itself", () => {
    chat.send("one");
    expect(steps()).toEqual(["one waiting"]);
    tab.socket.lose();
    clock.pass(500);
    connect();
    expect(texts()).toEqual(["one"]);
  });

  test("what was on its way when the connection broke goes again, with its id, before what is new", () => {
    connect();
    const id = chat.send("one");
    chat.send("two");
    expect(texts()).toEqual(["one"]);
    tab.socket.lose();
    expect(steps()).toEqual(["one waiting", "two waiting"]);
    clock.pass(500);
    connect(null);
    expect(tab.socket.commands()).toEqual([{ type: "message.send", id, text: "one" }]);
  });

  test("is not sent twice while it is on its way", () => {
    connect();
    chat.send("one");
    receive({ type: "session.renamed", name: "Grace" });
    receive({ type: "session.renamed", name: "Ada" });
    expect(texts()).toEqual(["one"]);
  });

  test("without an answer the connection is not trusted any more", () => {
    connect();
    chat.send("one");
    clock.pass(9_999);
    expect(tab.sockets).toHaveLength(1);
    clock.pass(1);
    expect(tab.sockets).toHaveLength(2);
    connect(null);
    expect(texts()).toEqual(["one"]);
  });

  test("an accepted message ends the wait for an answer", () => {
    connect();
    accept(chat.send("one"), 1);
    receive({ type: "reply.completed", message: { ...message("m1.reply", 1), role: "assistant", reply_to: "m1" } });
    clock.pass(60_000);
    expect(tab.sockets).toHaveLength(1);
  });

  test("a replacement names what it replaces", () => {
    connect([message("a", 1)]);
    chat.send("again", { replaces: "a" });
    expect(tab.socket.commands()).toMatchObject([{ text: "again", replaces: "a" }]);
  });
});

describe("a refusal", () => {
  test("for now: the message and all behind it wait, and go again by themselves", () => {
    connect();
    const id = chat.send("one");
    chat.send("two");
    texts();
    refuse(id, "busy", 2);
    expect(chat.getSnapshot().pending[0]).toMatchObject({ step: "busy", retryAt: clock.now + 2250, error: { code: "busy" } });
    expect(texts()).toEqual([]);
    clock.pass(2250);
    expect(texts()).toEqual(["one"]);
    expect(steps()).toEqual(["one sending", "two waiting"]);
  });

  test("for now: a timer that comes a moment too soon is set again", () => {
    connect();
    const id = chat.send("one");
    texts();
    let early = 1;
    tab.after = (milliseconds, callback) => {
      const due = milliseconds - early;
      early = 0;
      return clock.after(due, callback);
    };
    refuse(id, "busy", 2);
    clock.pass(2249);
    expect(texts()).toEqual([]);
    clock.pass(1);
    expect(texts()).toEqual(["one"]);
  });

  test("for good: it says why, keeps the text, and lets the next one go", () => {
    connect();
    const id = chat.send("one");
    chat.send("two");
    texts();
    refuse(id, "session_full");
    expect(steps()).toEqual(["one refused", "two sending"]);
    expect(texts()).toEqual(["two"]);
    chat.retry(id);
    accept("m2", 1);
    expect(texts()).toEqual(["one"]);
  });

  test("a defect of the server is not asked for ever", () => {
    connect();
    const id = chat.send("one");
    for (let round = 0; round < 4; round += 1) {
      refuse(id, "internal");
      clock.pass(20_000);
      connect(null);
    }
    refuse(id, "internal");
    expect(chat.getSnapshot().pending[0]?.step).toBe("refused");
  });

  test("a message that is too long is not sent at all, counted in bytes", () => {
    connect();
    chat.send("é".repeat(51));
    chat.send("é".repeat(50));
    expect(texts()).toEqual(["é".repeat(50)]);
    expect(chat.getSnapshot().pending[0]).toMatchObject({ step: "refused", error: { code: "bad_message" } });
  });

  test("more than the outbox holds", () => {
    for (let count = 0; count < OUTBOX_LIMIT; count += 1) chat.send("x");
    chat.send("one too many");
    expect(steps().at(-1)).toBe("one too many refused");
    expect(tab.storage.length).toBe(OUTBOX_LIMIT);
  });
});

describe("a reload", () => {
  function reload(): void {
    chat.close();
    tab = new Tab(clock, undefined, storage, "n");
    chat = openChat(SESSION, { base: BASE, environment: tab });
  }

  test("finds what was not sent", () => {
    chat.send("one");
    chat.send("two");
    reload();
    expect(steps()).toEqual(["one waiting", "two waiting"]);
    connect();
    expect(tab.socket.commands()).toMatchObject([{ id: "m1", text: "one" }]);
  });

  test("forgets what has an outcome, and keeps what has none", () => {
    connect();
    accept(chat.send("one"), 1);
    accept(chat.send("two"), 2);
    receive({ type: "reply.completed", message: { ...message("m1.reply", 1), role: "assistant", reply_to: "m1" } });
    expect(tab.storage.length).toBe(1);
    reload();
    connect([message("m1", 1), message("m2", 2)]);
    clock.pass(16);
    expect(chat.getSnapshot().pending).toEqual([]);
  });

  test("sends again what a failover lost after it was accepted", () => {
    connect();
    accept(chat.send("one"), 1);
    texts();
    reload();
    connect([]);
    expect(texts()).toEqual(["one"]);
  });
});

describe("what waits", () => {
  test("is edited and withdrawn by the server, once it was accepted", () => {
    connect([message("a", 1), message("b", 2), message("c", 3)]);
    chat.edit("b", "new");
    chat.withdraw("c");
    chat.sendNow("b");
    expect(texts()).toEqual(["new", "message.withdraw", "message.send_now"]);
    expect(steps()).toEqual(["a running", "b queued"]);
  });

  test("is edited and withdrawn here, before it was sent", () => {
    const one = chat.send("one");
    chat.send("two");
    chat.edit(one, "ONE");
    chat.withdraw("m2");
    expect(steps()).toEqual(["ONE waiting"]);
    connect();
    expect(tab.socket.commands()).toEqual([{ type: "message.send", id: one, text: "ONE" }]);
  });

  test("is withdrawn after all, if it had left already", () => {
    connect();
    const id = chat.send("one");
    tab.socket.lose();
    chat.withdraw(id);
    expect(steps()).toEqual([]);
    clock.pass(500);
    connect(null);
    expect(texts()).toEqual([]);
    accept(id, 1);
    expect(tab.socket.commands()).toEqual([{ type: "message.withdraw", message_id: id }]);
    clock.pass(16);
    expect(steps()).toEqual([]);
  });

  test("gets another id with another text, if it had left already", () => {
    connect();
    const id = chat.send("one");
    chat.send("two");
    texts();
    tab.socket.lose();
    chat.edit(id, "ONE");
    clock.pass(500);
    connect(null);
    const [sent] = tab.socket.commands();
    expect(sent).toMatchObject({ text: "ONE" });
    expect(sent?.id).not.toBe(id);
  });

  test("is asked for again after a reconnect, until it is answered", () => {
    connect([message("a", 1)]);
    chat.stop("a");
    texts();
    tab.socket.lose();
    clock.pass(500);
    connect(null);
    expect(texts()).toEqual(["reply.cancel"]);
    receive({ type: "reply.cancelled", message: { ...message("a.reply", 1), role: "assistant", reply_to: "a", status: "cancelled" } });
    chat.stop("a"); // too late: there is nothing to stop
    tab.socket.lose();
    clock.pass(1000);
    connect(null);
    expect(texts()).toEqual([]);
  });

  test("stopped before it was sent, it is withdrawn", () => {
    chat.stop(chat.send("one"));
    expect(steps()).toEqual([]);
    expect(tab.storage.length).toBe(0);
  });
});

describe("two tabs", () => {
  test("show each other's unsent messages, and what either withdraws", () => {
    const other = openChat(SESSION, { base: BASE, environment: new Tab(clock, undefined, storage, "n") });
    const id = chat.send("one");
    chat.send("two");
    expect(steps(other)).toEqual(["one waiting", "two waiting"]);
    other.withdraw(id);
    expect(steps()).toEqual(["two waiting"]);
  });

  test("may both send a message; it is one", () => {
    const second = new Tab(clock, undefined, storage, "n");
    const other = openChat(SESSION, { base: BASE, environment: second });
    connect();
    connect([], second);
    const id = chat.send("one");
    expect(texts()).toEqual(["one"]);
    expect(second.socket.commands()).toMatchObject([{ id }]);
    accept(id, 1);
    accept(id, 1, second);
    clock.pass(16);
    expect([steps(), steps(other)]).toEqual([["m1 running"], ["m1 running"]]);
  });
});

describe("subscribers", () => {
  test("hear of a reply at most once per picture, and then of all of it", () => {
    connect([message("a", 1)]);
    clock.pass(16);
    const heard = vi.fn();
    chat.subscribe(heard);
    receive({ type: "reply.started", turn: 1, message_id: "a", attempt: 1, text: "" });
    for (let count = 0; count < 100; count += 1) receive({ type: "reply.delta", turn: 1, text: "x" });
    const before = chat.getSnapshot();
    expect(before.turns[0]?.reply).toBeNull();
    clock.pass(16);
    expect(heard).toHaveBeenCalledTimes(1);
    expect(chat.getSnapshot().turns[0]?.reply?.text).toBe("x".repeat(100));
    clock.pass(1000);
    expect(heard).toHaveBeenCalledTimes(1);
  });

  test("hear at once of what the reader did", () => {
    const heard = vi.fn();
    const end = chat.subscribe(heard);
    chat.send("one");
    expect(heard).toHaveBeenCalled();
    end();
    heard.mockClear();
    chat.send("two");
    expect(heard).not.toHaveBeenCalled();
  });
});

test("a session that is gone stays readable", () => {
  connect([message("a", 1)]);
  tab.socket.receive({ type: "error", code: "session_gone", message: "expired" });
  tab.socket.lose(4000);
  expect(chat.getSnapshot()).toMatchObject({
    connection: { status: "gone", reason: "session_gone" },
    notice: { code: "session_gone" },
    turns: [{ message: { id: "a" } }],
  });
  chat.dismiss();
  expect(chat.getSnapshot().notice).toBeNull();
});

test("a chat that was closed is silent", () => {
  connect();
  const heard = vi.fn();
  chat.subscribe(heard);
  chat.close();
  heard.mockClear();
  clock.pass(600_000);
  new Tab(clock, undefined, storage).storage.setItem("unbroken:outbox:s1:x", '{"id":"x","text":"x","createdAt":1}');
  expect(heard).not.toHaveBeenCalled();
  expect(tab.sockets).toHaveLength(1);
});
