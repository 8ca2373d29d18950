/** A message that answers the question of a reply: on the wire, in the outbox, and when it comes too late. */
import { beforeEach, expect, test } from "vitest";

import { type Chat, openChat } from "./store";
import { BASE, Clock, READY, SESSION, SharedStorage, Tab } from "./testing/world";

const answers = { answers: "m1.reply" };

let clock: Clock;
let storage: SharedStorage;
let tab: Tab;
let chat: Chat;

beforeEach(() => {
  clock = new Clock();
  storage = new SharedStorage();
  tab = new Tab(clock, undefined, storage);
  chat = openChat(SESSION, { base: BASE, environment: tab });
});

function connect(on = tab): void {
  on.socket.accept();
  on.socket.receive(READY);
  on.socket.receive({ type: "snapshot", messages: [], cursor: "c" });
}

test("it names the question, also when it is sent again after a reload", () => {
  connect();
  const id = chat.send("Yes", answers);
  const sent = [{ type: "message.send", id, text: "Yes", ...answers }];
  expect(tab.socket.commands()).toEqual(sent);
  chat.close();
  const next = new Tab(clock, undefined, storage);
  openChat(SESSION, { base: BASE, environment: next });
  connect(next);
  expect(next.socket.commands()).toEqual(sent);
});

test("it still names it after an edit", () => {
  const id = chat.send("Yes", answers);
  chat.edit(id, "No");
  expect(chat.getSnapshot().pending).toMatchObject([{ text: "No", ...answers }]);
});

test("too late, it is handed back, and goes as a message of its own if the reader wants", () => {
  connect();
  const id = chat.send("Yes", answers);
  tab.socket.receive({ type: "error", code: "not_waiting", message: "too late", message_id: id });
  expect(chat.getSnapshot()).toMatchObject({ notice: null, pending: [{ step: "refused", error: { code: "not_waiting" } }] });
  tab.socket.commands();
  chat.sendAnyway(id);
  const [again, ...more] = tab.socket.commands();
  expect(again).toEqual({ type: "message.send", id: expect.not.stringMatching(id), text: "Yes", answers: "-" });
  expect(more).toEqual([]);
  expect(chat.getSnapshot().pending).toMatchObject([{ step: "sending" }]);
});
