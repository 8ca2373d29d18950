/** One mock session: it answers in order, one reply at a time, and logs what it says. */
import { arabic, long, markdown, plain, reasoning, xss } from "./texts.js";

const LIMITS = { message_bytes: 4000, inbox: 5, session_ttl: 3600 };
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Session {
  constructor(id, name) {
    Object.assign(this, { id, name, start: new Date().toISOString(), messages: [], log: [], sockets: new Set() });
    Object.assign(this, { inbox: [], running: null, turn: 0, busy: 0, first: 0, paused: false });
  }

  emit(event) {
    const logged = { cursor: String(this.first + this.log.length + 1), ...event };
    this.log.push(logged);
    for (const socket of this.sockets) socket.send(JSON.stringify(logged));
  }

  attach(socket, cursor) {
    const say = (event) => socket.send(JSON.stringify(event));
    say({ type: "session.ready", session: { id: this.id, name: this.name, session_start: this.start }, limits: LIMITS });
    const known = cursor !== null && Number(cursor) >= this.first && Number(cursor) <= this.first + this.log.length;
    if (known) {
      for (const event of this.log.slice(Number(cursor) - this.first)) say(event);
    } else {
      say({ type: "snapshot", messages: this.messages, cursor: String(this.first + this.log.length) });
      if (this.running?.reply) {
        const { turn, id, reply } = this.running;
        say({ type: "reply.started", turn, message_id: id, attempt: 1, text: "" });
        for (const part of reply.parts) say({ type: "reply.part", turn, part });
        say({ type: "reply.delta", turn, text: reply.text });
      }
    }
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("message", (raw) => this.command(JSON.parse(String(raw)), say));
  }

  command(command, say) {
    const { type, message_id: id } = command;
    const waiting = this.inbox.find((message) => message.id === id);
    const late = () => say({ type: "error", code: "not_waiting", message: "It is being answered already.", message_id: id });
    if (type === "message.send") this.accept(command, say);
    else if (type === "message.feedback") {
      const reply = this.messages.find((message) => message.id === id);
      if (reply) reply.feedback = command.value;
      this.emit({ type, message_id: id, value: command.value });
    } else if (type === "session.rename") this.rename(command.name);
    else if (type === "reply.cancel") {
      if (this.running?.id === id) this.running.stop = true;
      else if (waiting) waiting.cancelled = true;
    } else if (!waiting) late();
    else if (type === "message.edit") {
      waiting.msg = command.text;
      this.emit({ type: "message.edited", message: strip(waiting) });
    } else if (type === "message.withdraw") {
      waiting.withdrawn = true;
      this.inbox = this.inbox.filter((other) => other !== waiting);
      this.emit({ type: "message.withdrawn", message_id: id, turn: waiting.turn });
    } else if (type === "message.send_now") {
      const turns = this.inbox.map((message) => message.turn);
      this.inbox = [waiting, ...this.inbox.filter((other) => other !== waiting)];
      this.inbox.forEach((message, index) => (message.turn = turns[index]));
      this.emit({ type: "queue.changed", messages: this.inbox.map(strip) });
      if (this.running) this.running.stop = true;
    }
  }

  rename(name) {
    this.name = name;
    this.emit({ type: "session.renamed", name });
  }

  accept({ id, text, replaces }, say) {
    if (this.messages.some((message) => message.id === id)) return;
    if (this.busy > 0 || this.inbox.length >= LIMITS.inbox) {
      this.busy -= 1;
      say({ type: "error", code: "busy", message: "Too many messages wait.", message_id: id, retry_after: 5 });
      return;
    }
    if (text.startsWith("refuse")) {
      say({ type: "error", code: "bad_message", message: "The message cannot be stored.", message_id: id });
      return;
    }
    const message = { id, msg: text, role: "user", timestamp: new Date().toISOString(), turn: ++this.turn, ...(replaces && { replaces }) };
    this.messages.push(message);
    this.inbox.push(message);
    this.emit({ type: "message.accepted", message: strip(message) });
    void this.work();
  }

  async work() {
    if (this.running || this.paused) return;
    const message = this.inbox.shift();
    if (!message) return;
    this.running = { id: message.id, turn: message.turn, stop: false, reply: null };
    await this.answer(message, this.running);
    this.running = null;
    void this.work();
  }

  async answer(message, run) {
    const { turn, id } = message;
    const text = message.msg.toLowerCase();
    const reply = (run.reply = { text: "", parts: [] });
    await wait(text.includes("wait") ? 60_000 : 250);
    this.emit({ type: "reply.started", turn, message_id: id, attempt: text.includes("again") ? 2 : 1, text: "" });
    const part = async (value, ms) => {
      reply.parts.push(value);
      this.emit({ type: "reply.part", turn, part: value });
      await wait(ms);
    };
    if (/reason|tool/.test(text)) {
      for (const piece of reasoning.match(/.{1,12}/gs)) if (!run.stop) await part({ type: "reasoning", text: piece }, 25);
    }
    if (text.includes("tool")) {
      await part({ type: "tool_call", id: "t1", name: "look_up", arguments: { body: "Moon", fields: ["mass", "distance"] } }, 700);
      await part({ type: "data", name: "state", value: { step: 1 } }, 0);
      await part({ type: "tool_result", id: "t1", result: { mass: 7.35e22, distance: 384400 } }, 100);
      await part({ type: "source", url: "https://en.wikipedia.org/wiki/Tide", title: "Tide" }, 0);
      await part({ type: "source", url: "https://oceanservice.noaa.gov/education/", title: "NOAA: Tides and water levels" }, 0);
    }
    const answer = answerTo(text);
    const size = text.includes("burst") ? 60_000 : text.includes("slow") ? 4 : 24;
    for (let at = 0; at < answer.length && !run.stop; at += size) {
      const piece = answer.slice(at, at + size);
      reply.text += piece;
      this.emit({ type: "reply.delta", turn, text: piece });
      if (text.includes("fail") && at > 60) break;
      await wait(text.includes("slow") ? 60 : 8);
    }
    if (text.includes("tool")) await part({ type: "data", name: "usage", value: { input_tokens: 1234, output_tokens: answer.length >> 2 } }, 0);
    const failed = text.includes("fail") && !run.stop;
    const status = run.stop ? "cancelled" : failed ? "failed" : "completed";
    const error = failed ? { code: "bot_error", message: "The model did not answer in time.", reference: "7F3K-22" } : undefined;
    const done = { id: `${id}.reply`, msg: reply.text, role: "assistant", timestamp: new Date().toISOString(), turn, reply_to: id, status, error, parts: reply.parts };
    this.messages.push(done);
    this.emit({ type: `reply.${status}`, message: done });
  }

  /** History without any waiting: `count` turns. */
  seed(count, text = "plain") {
    for (let index = 0; index < count; index++) {
      const turn = ++this.turn;
      const id = `seed-${turn}`;
      const timestamp = new Date(Date.now() - (count - index) * 60_000).toISOString();
      this.messages.push({ id, msg: `Question ${turn}: how do tides work?`, role: "user", timestamp, turn });
      this.messages.push({ id: `${id}.reply`, msg: answerTo(index % 10 === 3 ? "table" : text), role: "assistant", timestamp, turn, reply_to: id, status: "completed" });
    }
    this.first = this.log.length + this.first;
    this.log = [];
  }
}

const strip = ({ cancelled: _, ...message }) => message;

function answerTo(text) {
  const size = /long (\d+)/.exec(text);
  if (size) return long(Number(size[1]));
  if (text.includes("xss")) return xss;
  if (text.includes("arab")) return arabic;
  if (/table|code|explain|tide|tool/.test(text) && !/\bplain\b/.test(text)) return markdown;
  return plain;
}
