import { describe, expect, it } from "vitest";

import { bytes, room } from "./bytes";

describe("the length of a message", () => {
  it.each([
    ["", 0],
    ["abc", 3],
    ["é", 2],
    ["字", 3],
    ["😀", 4],
  ])("%j has %i bytes", (text, size) => expect(bytes(text)).toBe(size));

  it("is mentioned only near the limit", () => {
    expect(room("a".repeat(50), 100)).toBeNull();
    expect(room("a".repeat(90), 100)).toBeNull();
    expect(room("a".repeat(95), 100)).toBe(5);
    expect(room("字".repeat(33), 100)).toBe(1);
    expect(room("😀".repeat(26), 100)).toBe(-4);
    expect(room("a".repeat(1000), undefined)).toBeNull();
  });
});
