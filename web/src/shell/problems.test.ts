import { expect, test } from "vitest";

import { RequestError } from "../../client";
import { en } from "../i18n/en";
import { type Language, LANGUAGES, load } from "../i18n/languages";
import { texts } from "../i18n/text";
import { problem } from "./problems";

const say = (code: string, after: number | null = null) => problem(texts("en", en), new RequestError("as the server said", code, after));

test.each(["busy", "rate_limited", "http_429"])("%s: too many requests", (code) => {
  expect(say(code, 1.5)).toBe("Too many requests at the moment. Please try again in 2 seconds.");
});

test.each(["unavailable", "unacknowledged", "http_503"])("%s: the service cannot take it now", (code) => {
  expect(say(code, 1)).toBe("The service cannot take this right now. Please try again in 1 second.");
});

test("without a time: nobody is there, or what the server said", () => {
  expect(say("unreachable")).toBe(en["problem.unreachable"]);
  expect(say("http_502")).toBe(en["problem.unreachable"]);
  expect(say("bad_request")).toBe("as the server said");
  expect(problem(texts("en", en), new TypeError("x"))).toBe(en["problem.unknown"]);
});

test.each(Object.keys(LANGUAGES) as Language[])("in %s the two are not the same", async (language) => {
  const t = texts(language, await load(language));
  const [many, unable] = ["rate_limited", "unavailable"].map((code) => problem(t, new RequestError("", code, 5)));
  expect(many).not.toBe(unable);
});
