import { describe, expect, it } from "vitest";

import type { SavedSession } from "../../client";
import { search } from "./search";
import { titleOf } from "./useKeptTitle";

const chat = (name: string, lastText: string): SavedSession => ({ id: name, token: "", name, bot: "", lastText, updatedAt: 0 });

const LIST = [chat("Crème brûlée", "Sugar, then fire."), chat("Knives", "Sharpen at 15°."), chat("", "مرحبا")];

describe("search", () => {
  it.each([
    ["", ["Crème brûlée", "Knives", ""]],
    ["  ", ["Crème brûlée", "Knives", ""]],
    ["creme", ["Crème brûlée"]],
    ["BRÛLÉE fire", ["Crème brûlée"]],
    ["sharpen", ["Knives"]],
    ["fire knives", []],
    ["مرحبا", [""]],
  ])("%j", (query, names) => expect(search(LIST, query).map(({ name }) => name)).toEqual(names));
});

describe("a title from the first message", () => {
  it.each([
    ["  How do tides work?\nIn detail.", "How do tides work?"],
    ["", ""],
    [`${"word ".repeat(30)}`, `${"word ".repeat(12).trim().slice(0, 59)}…`],
    ["x".repeat(100), `${"x".repeat(30)}…`],
  ])("%j", (text, title) => expect(titleOf(text)).toBe(title));
});
