import { beforeEach, describe, expect, test } from "vitest";

import { clearOutbox, Outbox, OUTBOX_LIMIT } from "./outbox";
import { Clock, SharedStorage, Tab } from "./testing/world";

let clock: Clock;
let storage: SharedStorage;
let tab: Tab;

beforeEach(() => {
  clock = new Clock();
  storage = new SharedStorage();
  tab = new Tab(clock, undefined, storage);
});

const texts = (outbox: Outbox) => outbox.messages.map((message) => message.text);

function put(outbox: Outbox, ...all: string[]): void {
  for (const text of all) outbox.put({ id: `id-${text}`, text, createdAt: outbox.next() });
}

describe("a reload", () => {
  test("finds everything, in the order of sending", () => {
    const outbox = new Outbox(tab, "s1");
    put(outbox, "one", "two", "three");
    outbox.put({ ...outbox.messages[1]!, text: "two, changed" });
    outbox.remove("id-three");
    expect(texts(new Outbox(tab, "s1"))).toEqual(["one", "two, changed"]);
  });

  test("does not mix sessions up, not even where one id begins like another", () => {
    put(new Outbox(tab, "s1"), "mine");
    put(new Outbox(tab, "s11"), "theirs");
    expect(texts(new Outbox(tab, "s1"))).toEqual(["mine"]);
  });

  test("goes on after the newest, even if the clock was set back", () => {
    put(new Outbox(tab, "s1"), "one");
    clock.now -= 60_000;
    put(new Outbox(tab, "s1"), "two");
    expect(texts(new Outbox(tab, "s1"))).toEqual(["one", "two"]);
  });

  test("passes over what it cannot read", () => {
    put(new Outbox(tab, "s1"), "one");
    tab.storage.setItem("unbroken:outbox:s1:x", "{not json");
    tab.storage.setItem("unbroken:outbox:s1:y", "null");
    tab.storage.setItem("unbroken:outbox:s1:z", '{"id":1}');
    expect(texts(new Outbox(tab, "s1"))).toEqual(["one"]);
  });
});

describe("bounds", () => {
  test("so many messages", () => {
    const outbox = new Outbox(tab, "s1");
    for (let count = 0; count < OUTBOX_LIMIT; count += 1) {
      expect(outbox.full).toBe(false);
      put(outbox, String(count));
    }
    expect(outbox.full).toBe(true);
  });

  test("a full storage: kept as long as the page lives, also while other tabs write", () => {
    const full = {
      ...tab.storage,
      key: (index: number) => tab.storage.key(index),
      get length() {
        return tab.storage.length;
      },
      setItem() {
        throw new DOMException("full", "QuotaExceededError");
      },
    };
    const outbox = new Outbox({ ...tab, storage: full } as unknown as Tab, "s1");
    put(outbox, "one");
    expect(outbox.refresh()).toEqual({ added: [], removed: [] });
    expect(texts(outbox)).toEqual(["one"]);
    outbox.remove("id-one");
    expect(texts(outbox)).toEqual([]);
  });
});

describe("another tab", () => {
  test("is followed in what it adds, changes and takes out", () => {
    const outbox = new Outbox(tab, "s1");
    const other = new Outbox(new Tab(clock, undefined, storage), "s1");
    put(other, "one", "two");
    expect(outbox.refresh().added.map((message) => message.text)).toEqual(["one", "two"]);
    other.put({ ...other.messages[0]!, text: "one, changed" });
    other.remove("id-two");
    const { added, removed } = outbox.refresh();
    expect(added.map((message) => message.text)).toEqual(["one, changed"]);
    expect(removed).toEqual(["id-two"]);
    expect(texts(outbox)).toEqual(["one, changed"]);
  });

  test("both write, and nothing is lost", () => {
    const outbox = new Outbox(tab, "s1");
    const other = new Outbox(new Tab(clock, undefined, storage), "s1");
    put(outbox, "mine");
    clock.pass(1);
    put(other, "theirs");
    outbox.refresh();
    expect(texts(outbox)).toEqual(["mine", "theirs"]);
    expect(outbox.messages).toEqual(new Outbox(tab, "s1").messages);
  });
});

test("a session that is forgotten leaves nothing", () => {
  put(new Outbox(tab, "s1"), "one", "two", "three");
  put(new Outbox(tab, "s2"), "other");
  clearOutbox(tab, "s1");
  expect(texts(new Outbox(tab, "s1"))).toEqual([]);
  expect(texts(new Outbox(tab, "s2"))).toEqual(["other"]);
});
