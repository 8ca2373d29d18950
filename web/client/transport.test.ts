import { beforeEach, describe, expect, test } from "vitest";

import type { Connection } from "./state";
import { BASE, Clock, READY, seeded, SESSION, Tab } from "./testing/world";
import { backoff, Transport } from "./transport";
import type { Event } from "./protocol";

let clock: Clock;
let tab: Tab;
let transport: Transport;
let cursor: string | null;
let expecting: boolean;
let events: Event[];
let connections: Connection[];
let losses: number;

beforeEach(() => {
  clock = new Clock();
  tab = new Tab(clock);
  cursor = null;
  expecting = false;
  events = [];
  connections = [];
  losses = 0;
  transport = new Transport({
    environment: tab,
    base: BASE,
    session: SESSION,
    cursor: () => cursor,
    expecting: () => expecting,
    onEvent: (event) => events.push(event),
    onConnection: (connection) => connections.push(connection),
    onLost: () => {
      losses += 1;
    },
  });
  transport.open();
});

const status = () => connections.at(-1)?.status ?? "connecting";
const settle = () => new Promise<void>((resolve) => setTimeout(resolve));

/** The newest socket becomes a working connection. */
function connect(): void {
  tab.socket.accept();
  tab.socket.receive(READY);
}

/** Lets time pass until the page tries again. */
function nextAttempt(): void {
  const before = tab.sockets.length;
  for (let waited = 0; waited <= 31_000 && tab.sockets.length === before; waited += 50) clock.pass(50);
  expect(tab.sockets).toHaveLength(before + 1);
}

describe("connecting", () => {
  test("offers the protocol and the token, and no cursor at first", () => {
    expect(tab.socket.url).toBe("wss://chat.test/chat");
    expect(tab.socket.protocols).toEqual(["unbroken.v1", "unbroken.token.s1.secret"]);
  });

  test("is connected only when the session is ready", () => {
    tab.socket.accept();
    expect(transport.ready).toBe(false);
    expect(transport.send({ type: "resume" })).toBe(false);
    tab.socket.receive(READY);
    expect(status()).toBe("connected");
    expect(transport.send({ type: "resume" })).toBe(true);
    expect(tab.socket.commands()).toEqual([{ type: "resume" }]);
  });

  test("comes back with the cursor", () => {
    connect();
    cursor = "7-1.9-2";
    tab.socket.lose();
    expect(status()).toBe("reconnecting");
    clock.pass(500);
    expect(tab.sockets).toHaveLength(2);
    expect(tab.socket.cursor).toBe("7-1.9-2");
  });

  test("gives up a socket that never gets ready", () => {
    tab.socket.accept();
    clock.pass(10_000);
    expect(tab.sockets[0]?.alive).toBe(false);
    clock.pass(500);
    expect(tab.sockets).toHaveLength(2);
  });

  test("takes a frame that is no JSON for a broken connection", () => {
    connect();
    tab.socket.onmessage?.({ data: "<html>" });
    expect(status()).toBe("reconnecting");
  });
});

describe("waiting", () => {
  test("grows, at random, up to half a minute", () => {
    const always = (value: number) => () => value;
    expect([0, 1, 2, 5, 6, 60].map((failed) => backoff(failed, always(0.999999)))).toEqual(
      [500, 1000, 2000, 16_000, 30_000, 30_000].map((most) => expect.closeTo(most, 0)),
    );
    const random = seeded(1);
    const waits = Array.from({ length: 1000 }, () => backoff(3, random));
    expect(Math.min(...waits)).toBeLessThan(100);
    expect(Math.max(...waits)).toBeGreaterThan(3900);
  });

  test("tells when the next attempt starts, and counts the failed ones", () => {
    tab.socket.lose();
    expect(connections.at(-1)).toEqual({ status: "reconnecting", attempt: 1, retryAt: clock.now + 250, reason: null });
    clock.pass(250);
    expect(connections.at(-1)).toMatchObject({ retryAt: null });
    tab.socket.lose();
    expect(connections.at(-1)).toMatchObject({ attempt: 2, retryAt: clock.now + 500 });
  });

  test("a connection that breaks at once does not make the waits short again, one that lasted does", () => {
    for (let round = 0; round < 4; round += 1) {
      connect();
      tab.socket.lose();
      nextAttempt();
    }
    expect(connections.at(-1)?.attempt).toBe(4);
    connect();
    clock.pass(5_000);
    tab.socket.lose();
    expect(connections.at(-1)?.attempt).toBe(1);
  });

  test("a server that cannot serve now is left alone for a second", () => {
    connect();
    tab.socket.lose(1013);
    clock.pass(999);
    expect(tab.sockets).toHaveLength(1);
    clock.pass(1);
    expect(tab.sockets).toHaveLength(2);
  });

  test("a server that is about to stop names the time to move", () => {
    connect();
    tab.socket.receive({ type: "reconnect", after: 2 });
    tab.socket.lose(1012);
    clock.pass(1999);
    expect(tab.sockets).toHaveLength(1);
    clock.pass(1);
    connect();
    expect(status()).toBe("connected");
  });

  test("and is left at that time if it is still there", () => {
    connect();
    tab.socket.receive({ type: "reconnect", after: 2 });
    clock.pass(2000);
    expect(tab.sockets[0]?.alive).toBe(false);
    expect(tab.sockets).toHaveLength(2);
    expect(status()).toBe("connected"); // nobody needs to see it
  });

  test("somebody who does not want to wait", () => {
    tab.socket.lose();
    transport.reconnect();
    expect(tab.sockets).toHaveLength(2);
    connect();
    clock.pass(60_000);
    expect(tab.sockets).toHaveLength(2);
  });
});

describe("the end", () => {
  test.each([
    [4000, "session_gone"],
    [4001, "bad_request"],
    [1008, "unauthorized"],
    [1009, "bad_message"],
    [1000, "closed"],
  ])("close code %i: no more attempts", (code, reason) => {
    connect();
    tab.socket.lose(code);
    expect(connections.at(-1)).toMatchObject({ status: "gone", reason, retryAt: null });
    clock.pass(600_000);
    tab.change("online");
    expect(tab.sockets).toHaveLength(1);
  });

  test.each([1006, 1001, 1011, 1012, 1013, 4500, 4999])("close code %i: it comes back", (code) => {
    connect();
    tab.socket.lose(code);
    nextAttempt();
  });

  test.each(["unauthorized", "session_gone"])("a refused handshake, when the API says %s", async (code) => {
    tab.answer = { status: 403, body: { error: { code, message: "" } } };
    tab.socket.lose();
    await settle();
    expect(connections.at(-1)).toMatchObject({ status: "gone", reason: code });
    clock.pass(600_000);
    expect(tab.sockets).toHaveLength(1);
  });

  test.each([
    { status: 200, body: {} },
    { status: 403, body: { message: "a proxy of the hotel" } },
    { status: 404, body: { error: { code: "not_found" } } },
    { status: 503, body: { error: { code: "unavailable" } } },
    null,
  ])("no end when the API says %o", async (answer) => {
    tab.answer = answer;
    tab.socket.lose();
    await settle();
    expect(status()).toBe("reconnecting");
    nextAttempt();
  });

  test("an answer of the API that comes late does not end a newer attempt", async () => {
    tab.answer = { status: 403, body: { error: { code: "unauthorized" } } };
    tab.socket.lose();
    transport.reconnect();
    connect();
    await settle();
    expect(status()).toBe("connected");
  });

  test("closed by the page", () => {
    connect();
    transport.close();
    expect(tab.socket.alive).toBe(false);
    clock.pass(600_000);
    tab.change("online");
    expect(tab.sockets).toHaveLength(1);
  });

  test("gone, and asked to try again", () => {
    connect();
    tab.socket.lose(4000);
    transport.reconnect();
    connect();
    expect(status()).toBe("connected");
  });
});

describe("the network", () => {
  test("offline: the socket is not trusted, and attempts go on quietly", () => {
    connect();
    tab.change("offline");
    expect(status()).toBe("offline");
    clock.pass(500);
    expect(tab.sockets).toHaveLength(2); // a server on this machine is still there
    connect();
    expect(status()).toBe("connected");
  });

  test("online: at once, even though an attempt is under way", () => {
    tab.change("offline");
    tab.socket.lose();
    for (let round = 0; round < 5; round += 1) {
      nextAttempt();
      tab.socket.lose();
    }
    expect(status()).toBe("offline");
    const before = tab.sockets.length;
    tab.change("online");
    expect(tab.sockets).toHaveLength(before + 1);
    tab.socket.lose();
    expect(connections.at(-1)).toMatchObject({ status: "reconnecting", attempt: 1 });
  });

  test("looked at again: at once if it waits, and anew if it was silent for long", () => {
    connect();
    tab.change("hidden");
    clock.pass(29_000);
    tab.change("visible");
    expect(tab.sockets).toHaveLength(1);
    tab.change("hidden");
    clock.pass(31_000);
    tab.change("visible");
    expect(tab.sockets).toHaveLength(2);
    tab.socket.lose();
    tab.socket.lose();
    tab.change("visible");
    expect(tab.sockets).toHaveLength(3);
  });
});

describe("silence", () => {
  test("while an answer is due: after 20 seconds, then later and later while it helps nothing", () => {
    connect();
    expecting = true;
    const replaced: number[] = [];
    let count = 1;
    for (let second = 1; second <= 200; second += 1) {
      clock.pass(1000);
      if (tab.sockets.length > count) {
        count = tab.sockets.length;
        replaced.push(second);
        connect();
      }
    }
    expect(replaced).toEqual([25, 70, 155]);
    tab.socket.receive({ type: "reply.delta", turn: 1, text: "x", cursor: "c" });
    clock.pass(25_000);
    expect(tab.sockets).toHaveLength(count + 1);
  });

  test("while nothing is due: after two minutes", () => {
    connect();
    clock.pass(120_000);
    expect(tab.sockets).toHaveLength(1);
    clock.pass(5_000);
    expect(tab.sockets).toHaveLength(2);
    expect(status()).toBe("connected");
  });

  test("not while nobody looks", () => {
    connect();
    tab.change("hidden");
    clock.pass(600_000);
    expect(tab.sockets).toHaveLength(1);
  });

  test("after the machine slept", () => {
    connect();
    clock.sleep(60_000);
    clock.pass(1);
    expect(tab.sockets).toHaveLength(2);
  });
});

test("a socket that was replaced is not heard any more", () => {
  connect();
  const old = tab.socket;
  const heard = old.onmessage;
  transport.check();
  connect();
  const count = events.length;
  heard?.({ data: JSON.stringify({ type: "reply.delta", turn: 1, text: "twice", cursor: "c" }) });
  expect(events).toHaveLength(count);
  expect(losses).toBe(1);
});
