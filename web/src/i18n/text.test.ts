import { describe, expect, it } from "vitest";

import { en } from "./en";
import { type Language, LANGUAGES, load } from "./languages";
import { type Catalog, type Key, type Plural, texts } from "./text";

const names = (template: string): string[] => [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "").sort();

const english: Catalog = en;

describe.each(Object.keys(LANGUAGES) as Language[])("%s", (language) => {
  it("has every text, with the same parameters", async () => {
    const catalog = await load(language);
    expect(Object.keys(catalog).sort()).toEqual(Object.keys(en).sort());
    for (const key of Object.keys(en) as Key[]) {
      const [source, target] = [english[key], catalog[key]];
      if (typeof source === "string") expect(names(target as string), key).toEqual(names(source));
      else expect(names((target as Plural).other), key).toEqual(names(source.other));
    }
  });

  it("has the plural forms that it needs", async () => {
    const catalog = await load(language);
    const rules = new Intl.PluralRules(language);
    const needed = new Set(Array.from({ length: 120 }, (_, count) => rules.select(count + 1)));
    for (const [key, entry] of Object.entries(catalog)) {
      if (typeof entry !== "string") for (const rule of needed) expect(entry[rule], `${key} ${rule}`).toBeTypeOf("string");
    }
  });
});

describe("texts", () => {
  it("puts parameters in, numbers as the language writes them", async () => {
    expect(texts("en", en)("queue.count", { count: 1 })).toBe("1 message waits for its turn");
    expect(texts("en", en)("queue.count", { count: 1200 })).toBe("1,200 messages wait for their turn");
    expect(texts("de", await load("de"))("composer.over", { count: 1200 })).toBe("1.200 Zeichen zu lang");
    expect(texts("ar", await load("ar"))("queue.count", { count: 2 })).toBe("رسالتان تنتظران دورهما");
  });

  it("takes braces in a parameter as text", () => {
    expect(texts("en", en)("delete.text", { title: "{title} $& {count}" })).toContain("“{title} $& {count}”");
  });
});
