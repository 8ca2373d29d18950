/** A server that says when replicas have a message: what is kept until then, here and in the browser's storage. */
import { beforeEach, expect, test } from "vitest";

import type { Event, Message } from "./protocol";
import { type Chat, openChat } from "./store";
import { BASE, Clock, READY, SESSION, SharedStorage, Tab } from "./testing/world";
import { thread } from "./view";

const ACKNOWLEDGES = { ...READY, acknowledges: true };

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

const message = (id: string, turn: number): Message => ({ id, msg: id, role: "user", timestamp: "t", turn });
const answer = (id: string, turn: number): Message => ({ ...message(`${id}.reply`, turn), role: "assistant", reply_to: id, status: "completed" });
const receive = (event: Event, on = tab) => on.socket.receive({ ...event, cursor: `c${events++}` });
const accept = (id: string, turn: number, on = tab) => receive({ type: "message.accepted", message: message(id, turn) }, on);
const complete = (id: string, turn: number, on = tab) => receive({ type: "reply.completed", message: answer(id, turn) }, on);
const acknowledge = (id: string, on = tab) => on.socket.receive({ type: "message.acknowledged", message_id: id });
const refuse = (id: string) =>
  tab.socket.receive({ type: "error", code: "unacknowledged", message: "not yet", message_id: id, retry_after: 1 });

function connect(messages: Message[] | null = [], on = tab, ready: object = ACKNOWLEDGES): void {
  on.socket.accept();
  on.socket.receive(ready);
  if (messages) receive({ type: "snapshot", messages }, on);
}

/** The texts that the page sends now. */
const texts = () => tab.socket.commands().map((command) => command.text);
const steps = () => thread(chat.getSnapshot()).map((entry) => `${entry.text} ${entry.step}`);

test("a message is kept until it has its outcome and replicas have it, whichever comes first", () => {
  connect();
  const first = chat.send("one");
  accept(first, 1);
  complete(first, 1);
  expect(tab.storage.length).toBe(1);
  acknowledge(first);
  expect(tab.storage.length).toBe(0);

  const second = chat.send("two");
  acknowledge(second);
  accept(second, 2);
  expect(tab.storage.length).toBe(1);
  complete(second, 2);
  expect(tab.storage.length).toBe(0);
});

test("the next message leaves when the one before is accepted: replicas may take longer", () => {
  connect();
  const id = chat.send("one");
  chat.send("two");
  texts();
  accept(id, 1);
  expect(texts()).toEqual(["two"]);
});

test("what a failover lost together with its answer is sent again", () => {
  connect();
  const id = chat.send("one");
  accept(id, 1);
  complete(id, 1);
  tab.socket.lose();
  clock.pass(500);
  connect(null);
  expect(tab.socket.commands()).toMatchObject([{ type: "message.send", id, text: "one" }]);
  receive({ type: "snapshot", messages: [] });
  expect(steps()).toEqual(["one sending"]);
  expect(tab.socket.commands()).toMatchObject([{ type: "message.send", id, text: "one" }]);
});

test("on a living connection too", () => {
  connect();
  const id = chat.send("one");
  accept(id, 1);
  complete(id, 1);
  texts();
  receive({ type: "snapshot", messages: [] });
  expect(tab.socket.commands()).toMatchObject([{ type: "message.send", id, text: "one" }]);
});

test("after a reload everything is asked for that was answered, and forgotten once it is safe", () => {
  connect();
  const ids = ["one", "two", "three"].map((text, index) => {
    const id = chat.send(text);
    accept(id, index + 1);
    complete(id, index + 1);
    return id;
  });
  chat.close();
  tab = new Tab(clock, undefined, storage, "n");
  chat = openChat(SESSION, { base: BASE, environment: tab });
  connect(ids.flatMap((id, index) => [message(id, index + 1), answer(id, index + 1)]));
  expect(texts()).toEqual(["one", "two", "three"]);
  clock.pass(16);
  expect(steps().map((step) => step.split(" ")[1])).toEqual(["answered", "answered", "answered"]);
  for (const id of ids) acknowledge(id);
  expect(tab.storage.length).toBe(0);
  receive({ type: "session.renamed", name: "Grace" });
  expect(texts()).toEqual([]);
});

test("stored, but not on enough replicas: the same again, without a word to the reader, until they have it", () => {
  connect();
  const id = chat.send("one");
  const other = chat.send("two");
  accept(id, 1);
  texts();
  acknowledge(id);
  for (let round = 0; round < 3; round += 1) {
    refuse(other); // before it is seen to be accepted
    expect(chat.getSnapshot()).toMatchObject({ notice: null, pending: [{ id: other, step: "sending" }] });
    clock.pass(1250);
    expect(texts()).toEqual(["two"]);
  }
  accept(other, 2);
  refuse(other);
  clock.pass(1250);
  expect(tab.socket.commands()).toMatchObject([{ type: "message.send", id: other, text: "two" }]);
  acknowledge(other);
  clock.pass(60_000);
  expect(texts()).toEqual([]);
});

test("what is not safe goes again in its order, each once, however many refusals came", () => {
  connect();
  const first = chat.send("one");
  accept(first, 1);
  const second = chat.send("two");
  accept(second, 2);
  texts();
  refuse(second);
  refuse(first);
  clock.pass(2000);
  expect(texts()).toEqual(["one", "two"]);
});

test("a wait for replicas ends with its connection", () => {
  connect();
  const id = chat.send("one");
  accept(id, 1);
  refuse(id);
  tab.socket.lose();
  clock.pass(500);
  connect(null);
  expect(texts()).toEqual(["one"]);
  clock.pass(5000);
  expect(texts()).toEqual([]);
});

test("one tab does not forget what replicas may not have of another's", () => {
  const second = new Tab(clock, undefined, storage, "n");
  const other = openChat(SESSION, { base: BASE, environment: second });
  connect();
  connect([], second);
  const id = chat.send("one");
  accept(id, 1, second);
  complete(id, 1, second);
  expect(tab.storage.length).toBe(1);
  acknowledge(id, second);
  expect(tab.storage.length).toBe(0);
  other.close();
});

test("the next server does not: an answer is enough again", () => {
  connect();
  const id = chat.send("one");
  accept(id, 1);
  complete(id, 1);
  tab.socket.lose();
  clock.pass(500);
  connect([message(id, 1), answer(id, 1)], tab, READY);
  expect(tab.storage.length).toBe(0);
});
