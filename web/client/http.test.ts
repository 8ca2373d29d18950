import { beforeEach, describe, expect, test } from "vitest";

import { createSession, listBots, renameSession } from "./http";
import { Clock, SESSION, Tab } from "./testing/world";

let clock: Clock;
let waits: number[];
/** What the server answers, one after the other; the last one for ever. */
let answers: Response[];
let environment: Tab;

const unavailable = (after: number | null) =>
  Response.json({ error: { code: "unavailable", message: "no store", ...(after === null ? {} : { retry_after: after }) } }, { status: 503 });
const created = () => Response.json({ token: "s1.secret", session_id: "s1", session_start: "2026-01-01T00:00:00Z" });

beforeEach(() => {
  clock = new Clock();
  waits = [];
  answers = [];
  environment = new Tab(clock);
  environment.fetch = async () => (answers.length > 1 ? answers.shift()! : answers[0]!).clone();
  environment.after = (milliseconds, callback) => {
    waits.push(milliseconds);
    queueMicrotask(() => {
      clock.pass(milliseconds);
      callback();
    });
    return () => {};
  };
});

const create = () => createSession("Ada", { base: "", environment });

describe("a server that cannot take it now", () => {
  test("is asked again when it said", async () => {
    answers = [unavailable(1), unavailable(2), created()];
    expect(await create()).toMatchObject({ id: "s1" });
    expect(waits).toEqual([1000, 2000]);
  });

  test("is asked again when a proxy said, in a header", async () => {
    answers = [new Response("busy", { status: 503, headers: { "Retry-After": "3" } }), Response.json({})];
    await renameSession(SESSION, "Grace", { base: "", environment });
    expect(waits).toEqual([3000]);
  });

  test("is asked for ten seconds, and not without a pause", async () => {
    answers = [unavailable(0)];
    await expect(create()).rejects.toMatchObject({ code: "unavailable", message: "no store", retryAfter: 0 });
    expect(waits).toEqual(Array(21).fill(500));
  });

  test("is not waited for longer than that, nor where it names no time", async () => {
    for (const after of [11, null]) {
      answers = [unavailable(after)];
      await expect(create()).rejects.toMatchObject({ code: "unavailable", retryAfter: after });
    }
    expect(waits).toEqual([]);
  });
});

test("too many requests are not made more", async () => {
  answers = [Response.json({ error: { code: "rate_limited", message: "slowly", retry_after: 1 } }, { status: 429 })];
  await expect(create()).rejects.toMatchObject({ code: "rate_limited", retryAfter: 1 });
  expect(waits).toEqual([]);
});

describe("bots", () => {
  test("are listed, and a session is made for one of them", async () => {
    const asked: string[] = [];
    const answer = environment.fetch;
    environment.fetch = async (...[url]: readonly unknown[]) => {
      asked.push(String(url));
      return answer();
    };
    answers = [Response.json({ bots: [{ name: "a&b", title: "", welcome: "", prompts: [] }] }), created()];
    const [bot] = await listBots({ base: "", environment });
    expect(await createSession("Ada", { bot: bot!.name, base: "", environment })).toMatchObject({ id: "s1", bot: "a&b" });
    expect(await create()).toMatchObject({ bot: "" });
    expect(asked).toEqual(["/bots", "/token?name=Ada&bot=a%26b", "/token?name=Ada"]);
  });
});
