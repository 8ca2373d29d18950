import { beforeEach, describe, expect, test, vi } from "vitest";

import { Outbox } from "./outbox";
import { fragmentOf, fromFragment, type SavedSession, Sessions } from "./sessions";
import { Clock, SharedStorage, Tab } from "./testing/world";

let storage: SharedStorage;
let tab: Tab;
let sessions: Sessions;

const session = (id: string, updatedAt: number): SavedSession => ({
  id,
  token: `${id}.secret`,
  bot: "",
  name: `name of ${id}`,
  lastText: "",
  updatedAt,
});

beforeEach(() => {
  storage = new SharedStorage();
  tab = new Tab(new Clock(), undefined, storage);
  sessions = new Sessions(tab);
});

const ids = (of: Sessions) => of.getSnapshot().map(({ id }) => id);

describe("the list", () => {
  test("is sorted, newest first, and survives a reload", () => {
    sessions.save(session("old", 1));
    sessions.save(session("new", 2));
    expect(ids(sessions)).toEqual(["new", "old"]);
    expect(new Sessions(tab).getSnapshot()).toEqual(sessions.getSnapshot());
  });

  test("is the same array until something changes", () => {
    sessions.save(session("a", 1));
    const heard = vi.fn();
    sessions.subscribe(heard);
    const before = sessions.getSnapshot();
    sessions.update("a", { name: "name of a" });
    sessions.update("unknown", { name: "nobody" });
    expect(sessions.getSnapshot()).toBe(before);
    expect(heard).not.toHaveBeenCalled();
    sessions.update("a", { name: "another", lastText: "x".repeat(1000) });
    expect(heard).toHaveBeenCalledTimes(1);
    expect(sessions.get("a")).toMatchObject({ name: "another", lastText: "x".repeat(200) });
  });

  test("follows other tabs", () => {
    const other = new Sessions(new Tab(new Clock(), undefined, storage));
    const heard = vi.fn();
    sessions.subscribe(heard);
    other.save(session("a", 1));
    expect(ids(sessions)).toEqual(["a"]);
    other.remove("a");
    expect(ids(sessions)).toEqual([]);
    expect(heard).toHaveBeenCalledTimes(2);
  });

  test("holds so many, and forgets the oldest with all that belongs to them", () => {
    for (let count = 0; count <= 200; count += 1) {
      sessions.setDraft(`s${count}`, "draft");
      sessions.save(session(`s${count}`, count));
    }
    expect(sessions.getSnapshot()).toHaveLength(200);
    expect(sessions.get("s0")).toBeNull();
    expect(sessions.draft("s0")).toBe("");
    expect(sessions.draft("s1")).toBe("draft");
  });

  test("passes over what it cannot read", () => {
    tab.storage.setItem("unbroken:session:x", "{");
    tab.storage.setItem("unbroken:session:y", '{"id":"y"}');
    tab.storage.setItem("unbroken:session:z", '{"id":"z","token":"z.t"}');
    expect(new Sessions(tab).getSnapshot()).toEqual([{ id: "z", token: "z.t", bot: "", name: "", lastText: "", updatedAt: 0 }]);
  });
});

test("a session that is removed leaves no draft and no unsent message", () => {
  sessions.save(session("a", 1));
  sessions.setDraft("a", "half a sentence");
  new Outbox(tab, "a").put({ id: "m", text: "unsent", createdAt: 1 });
  sessions.remove("a");
  expect(tab.storage.length).toBe(0);
});

test("a draft that was sent is gone", () => {
  sessions.setDraft("a", "text");
  expect(sessions.draft("a")).toBe("text");
  sessions.setDraft("a", "");
  expect(tab.storage.length).toBe(0);
});

describe("a link", () => {
  test("holds the token behind the #, and nothing else", () => {
    const token = "Ab-_12.cD-_34";
    expect(fragmentOf({ token })).toBe("#Ab-_12.cD-_34");
    expect(fromFragment(fragmentOf({ token }))).toEqual({ id: "Ab-_12", token });
  });

  test.each(["", "#", "#abc", "#.abc", "#abc.", "#a.b.c", "#a.b?x", "#a.<script>", "a.b"])("%j is none", (hash) => {
    expect(fromFragment(hash)).toBeNull();
  });
});
