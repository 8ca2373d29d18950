/**
 * Random schedules of everything that can happen to a page: frames that come late, connections that break or fall silent,
 * servers that refuse, replies that start anew, stores that lose what was newest, reloads and second tabs. After every
 * single step each page shows exactly what its cursor stands for; and once the network is good again, everything that was
 * sent has its one answer, in the order in which it was sent. Where the server acknowledges, no failover excuses a loss.
 */
import { describe, expect, test } from "vitest";

import { type Chat, openChat } from "./store";
import { ModelServer, type Row } from "./testing/server";
import { BASE, Clock, seeded, SESSION, SharedStorage, Tab } from "./testing/world";
import { thread } from "./view";

const SEEDS = Number(process.env.SEEDS ?? 150);
const FIRST = Number(process.env.SEED ?? 1);

class Schedule {
  readonly random: () => number;
  readonly clock = new Clock();
  readonly storage = new SharedStorage();
  readonly server: ModelServer;
  readonly pages: { tab: Tab; chat: Chat }[] = [];
  /** Messages in the order of sending, by the page that sent them; and those that may be missing at the end. */
  readonly sent: { page: string; id: string }[] = [];
  readonly excused = new Set<string>();
  readonly #met = new Set<object>();
  #names = 0;
  #texts = 0;

  constructor(seed: number, acknowledges: boolean) {
    this.random = seeded(seed);
    this.server = new ModelServer(3, acknowledges);
    this.open();
  }

  open(): void {
    const tab = new Tab(this.clock, this.random, this.storage, `${"abcdefghijklmnopqrstuvwxyz"[this.#names % 26]}${this.#names++}-`);
    this.pages.push({ tab, chat: openChat(SESSION, { base: BASE, environment: tab }) });
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)];
  }

  step(): void {
    const luck = this.random();
    if (luck < 0.18) this.act();
    else if (luck < 0.45) this.server.work(this.random);
    else if (luck < 0.85) this.network();
    else this.clock.pass(this.random() ** 4 * 40_000);
    this.check();
  }

  /** A reader does something. */
  act(): void {
    const page = this.pick(this.pages);
    if (page === undefined) return;
    const { chat, tab } = page;
    const entry = this.pick(thread(chat.getSnapshot()));
    const luck = this.random();
    if (luck < 0.45 || entry === undefined) {
      const replaces = luck < 0.05 && entry?.step === "answered" ? { replaces: entry.id } : {};
      this.sent.push({ page: tab.name, id: chat.send(`text ${this.#texts++}`, replaces) });
    } else if (luck < 0.55) {
      this.excused.add(entry.id);
      if (entry.step !== "answered") chat.withdraw(entry.id);
    } else if (luck < 0.65) {
      // an edit of a message that may be on its way already takes that one back and sends another
      if (entry.pending) this.excused.add(entry.id);
      if (entry.step !== "answered") chat.edit(entry.id, `text ${this.#texts++}`);
    } else if (luck < 0.7) {
      if (entry.step === "queued") chat.sendNow(entry.id);
    } else if (luck < 0.8) {
      if (entry.pending) this.excused.add(entry.id);
      chat.stop(entry.id);
    } else if (luck < 0.85) {
      if (entry.reply) chat.feedback(entry.reply.id, this.random() < 0.5 ? "up" : "down");
    } else if (luck < 0.9 && this.pages.length < 3) {
      this.open();
    } else if (luck < 0.95) {
      chat.close();
      this.pages.splice(this.pages.indexOf(page), 1);
      if (this.pages.length === 0) this.open();
    } else {
      tab.change(this.pick(["online", "offline", "hidden", "visible"] as const) ?? "online");
    }
  }

  network(): void {
    this.answerNew(0.7);
    if (this.server.acknowledges && this.random() < 0.3) this.server.replicate(Math.floor(this.random() * 3), () => this.random() < 0.7);
    const line = this.pick(this.server.lines);
    if (line === undefined) return;
    const luck = this.random();
    if (luck < 0.5) this.server.deliver(line, Math.ceil(this.random() * 5));
    else if (luck < 0.53) this.server.repeat(line, this.random);
    else if (luck < 0.85) this.server.listen(line, Math.ceil(this.random() * 3), () => this.random() < 0.1);
    else if (luck < 0.92) line.socket.lose(this.pick([1006, 1012, 1013, 4500]) ?? 1006);
    else if (luck < 0.96) line.dead = true;
    else if (luck < 0.975) this.failOver();
    else if (line.outgoing.length === 0) line.outgoing.push({ type: "reconnect", after: 1 });
  }

  /** A message whose outcome was lost with it may be missing at the end, where nobody said when that cannot happen. */
  failOver(): void {
    const lost = this.server.failOver(this.random);
    if (!this.server.acknowledges) for (const id of lost) this.excused.add(id);
  }

  /** Connections that nobody answered yet are answered, or refused. */
  answerNew(luck: number): void {
    for (const { tab } of this.pages) {
      const { socket } = tab;
      if (this.#met.has(socket) || !socket.alive) continue;
      this.#met.add(socket);
      if (this.random() < luck) this.server.connect(socket);
      else socket.lose();
    }
  }

  /** Each page shows what its cursor stands for. */
  check(): void {
    for (const { chat } of this.pages) {
      this.clock.pass(16); // a picture
      const { cursor, turns } = chat.getSnapshot();
      if (cursor === null) continue;
      const shown: Row[] = turns.map(({ turn, message, reply }) => ({
        turn,
        id: message.id,
        text: message.msg,
        withdrawn: message.withdrawn ?? false,
        reply: reply && {
          text: reply.text,
          reasoning: reply.parts.map((part) => ("text" in part ? part.text : "")).join(""),
          status: reply.status,
          feedback: reply.feedback,
        },
      }));
      expect(shown, cursor).toEqual(this.server.at(cursor));
    }
  }

  /** The network is good again, for long enough. */
  heal(): void {
    const quiet = () =>
      this.server.idle &&
      this.pages.every(({ chat, tab }) => {
        const { connection, cursor, pending, turns } = chat.getSnapshot();
        const sent = pending.length === 0 && tab.storage.length === 0 && turns.every((turn) => turn.asked === null);
        return connection.status === "connected" && sent && this.server.isNewest(cursor);
      });
    for (const { tab } of this.pages) {
      tab.change("online");
      tab.change("visible");
    }
    for (let round = 0; round < 400; round += 1) {
      this.answerNew(1);
      for (const line of this.server.lines) {
        this.server.listen(line, 99);
        this.server.deliver(line, 999);
      }
      this.server.work(() => 0.5 + this.random() / 2);
      this.server.replicate(99, () => true);
      this.check();
      if (quiet()) return;
      this.clock.pass(1000);
    }
    const stuck = this.pages.map(({ chat }) => chat.getSnapshot());
    expect.fail(`never quiet: ${JSON.stringify({ idle: this.server.idle, kept: this.pages[0]?.tab.storage.length, stuck }, null, 1)}`);
  }

  verify(): void {
    const { accepted, rows } = this.server;
    expect(new Set(accepted).size).toBe(accepted.length);
    const there = new Set(rows.map((row) => row.id));
    for (const { id } of this.sent) if (!this.excused.has(id)) expect(there, id).toContain(id);
    for (const { tab, chat } of this.pages) {
      const mine = this.sent.filter(({ page, id }) => page === tab.name && there.has(id) && !this.excused.has(id)).map(({ id }) => id);
      expect(accepted.filter((id) => mine.includes(id))).toEqual(mine);
      expect(chat.getSnapshot().turns.map((turn) => turn.message.id)).toEqual(rows.map((row) => row.id));
    }
  }
}

describe.each([
  ["a server that says nothing about replicas", false],
  ["a server that acknowledges", true],
] as const)("%s", (_, acknowledges) => {
  test.each(Array.from({ length: SEEDS }, (_, index) => FIRST + index))("schedule %i", (seed) => {
    const schedule = new Schedule(seed, acknowledges);
    for (let step = 0; step < 120; step += 1) schedule.step();
    schedule.heal();
    schedule.verify();
  });
});
