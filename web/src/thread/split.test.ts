import { describe, expect, it } from "vitest";

import type { Entry } from "../../client";
import { pages, split } from "./split";

const entry = (id: string, step: Entry["step"]): Entry => ({
  id,
  text: id,
  step,
  place: 0,
  reply: null,
  asks: false,
  answer: null,
  turn: null,
  pending: null,
  versions: [],
});

const ids = (entries: readonly Entry[]) => entries.map(({ id }) => id);

describe("split", () => {
  it.each([
    ["all answered", ["answered", "answered"], ["0", "1"], []],
    ["one runs", ["answered", "running"], ["0", "1"], []],
    ["others wait behind it", ["answered", "running", "queued", "queued", "sending"], ["0", "1"], ["2", "3", "4"]],
    ["the first of several unsent ones is next", ["answered", "waiting", "waiting"], ["0", "1"], ["2"]],
    ["a refused one holds nobody up", ["running", "refused", "sending"], ["0", "1"], ["2"]],
    ["a busy one is next", ["busy", "waiting"], ["0"], ["1"]],
  ] as const)("%s", (_, steps, shown, waiting) => {
    const result = split(steps.map((step, index) => entry(String(index), step)));
    expect(ids(result.shown)).toEqual(shown);
    expect(ids(result.waiting)).toEqual(waiting);
  });
});

describe("pages", () => {
  it("cuts from the beginning, so that a new row changes only the last page", () => {
    expect(pages([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(pages([], 2)).toEqual([]);
  });
});
