/**
 * A server that keeps its promises over a network that keeps none: a model of one session, with the two sequences of the
 * real one (accepted messages, and what workers said) and a third small one for changes. What a cursor stands for is
 * computed from the whole history each time, by other code than the client's.
 */
import { type Event, type Message } from "../protocol";
import { type FakeSocket, READY } from "./world";

type Terminal = "reply.completed" | "reply.failed" | "reply.cancelled";
type Change = Extract<Event, { type: "message.edited" | "message.withdrawn" | "queue.changed" | "message.feedback" }>;
type Said = Extract<Event, { type: "reply.started" | "reply.delta" | "reply.part" | Terminal }>;

/** One uninterrupted past. A failover ends it, and the next one begins with a part of it. */
interface History {
  readonly accepted: Message[];
  readonly said: Said[];
  readonly changes: Change[];
}

/** How much of each sequence somebody has seen. */
interface Position {
  readonly past: number;
  readonly accepted: number;
  readonly said: number;
  readonly changes: number;
}

/** What a reader should see of one turn. */
export interface Row {
  readonly turn: number;
  readonly id: string;
  readonly text: string;
  readonly withdrawn: boolean;
  readonly reply: { readonly text: string; readonly reasoning: string; readonly status: string; readonly feedback: string | null } | null;
}

interface Line {
  readonly socket: FakeSocket;
  readonly outgoing: Event[];
  last: Event | null;
  /** The other end is gone, and this one does not know. */
  dead: boolean;
  /** Messages whose sender was not told yet whether replicas have them. */
  readonly unacknowledged: string[];
}

export class ModelServer {
  readonly #pasts: History[] = [{ accepted: [], said: [], changes: [] }];
  readonly #lines: Line[] = [];
  #cancelled = new Set<string>();
  #words = 0;
  /** How many of the accepted messages are on replicas: no failover loses them. */
  #replicated = 0;

  constructor(
    readonly inbox = 3,
    readonly acknowledges = false,
  ) {}

  get #now(): History {
    const history = this.#pasts.at(-1);
    if (history === undefined) throw new Error("there is always a present");
    return history;
  }

  get #position(): Position {
    const { accepted, said, changes } = this.#now;
    return { past: this.#pasts.length - 1, accepted: accepted.length, said: said.length, changes: changes.length };
  }

  /** What the cursor stands for. */
  at(cursor: string): readonly Row[] {
    const position = read(cursor);
    const history = this.#pasts[position.past];
    if (history === undefined) throw new Error(`no such past: ${cursor}`);
    return fold(history, position);
  }

  /** What is true now. */
  get rows(): readonly Row[] {
    return fold(this.#now, this.#position);
  }

  /** Whether somebody who stands there has seen everything. */
  isNewest(cursor: string | null): boolean {
    return cursor === write(this.#position);
  }

  get accepted(): readonly string[] {
    return this.#now.accepted.map((message) => message.id);
  }

  get idle(): boolean {
    return this.rows.every((row) => row.reply !== null && row.reply.status !== "running");
  }

  // The network

  /** Lets a page in. */
  connect(socket: FakeSocket): void {
    const ready = { ...READY, limits: { ...READY.limits, inbox: this.inbox }, acknowledges: this.acknowledges };
    const line: Line = { socket, outgoing: [ready], last: null, dead: false, unacknowledged: [] };
    this.#lines.push(line);
    socket.accept();
    this.#resume(line, socket.cursor);
  }

  get lines(): readonly Line[] {
    return this.#lines.filter((line) => line.socket.alive);
  }

  /** Carries so many frames to the page. */
  deliver(line: Line, count: number): void {
    for (let index = 0; index < count && !line.dead && line.socket.alive; index += 1) {
      const event = line.outgoing.shift();
      if (event === undefined) return;
      line.socket.receive(event);
      line.last = event;
    }
  }

  /** Carries the last frame once more, or one about a message that the page may know. */
  repeat(line: Line, random: () => number): void {
    if (line.dead || line.last === null || line.last.type === "error") return;
    line.socket.receive(line.last);
    const message = this.#now.accepted[Math.floor(random() * this.#now.accepted.length)];
    const cursor = "cursor" in line.last ? line.last.cursor : undefined;
    const known = cursor === undefined ? null : read(cursor);
    if (message && cursor && known && known.accepted >= message.turn && known.changes === 0) {
      line.socket.receive({ type: "message.accepted", message, cursor });
    }
  }

  /** Takes in so many commands of the page; `refuse` says whether to refuse one for now. */
  listen(line: Line, count: number, refuse: () => boolean = () => false): void {
    if (line.dead) return;
    for (let index = 0; index < count; index += 1) {
      const raw = line.socket.sent.shift();
      if (raw === undefined) return;
      const command = JSON.parse(raw);
      // one that a failover lost is not also refused when it comes again: then a later one may overtake it, since a page
      // learns too late that it was lost
      const lost = this.#pasts.some((past) => past.accepted.some((message) => message.id === command.id));
      if (command.type === "message.send" && !lost && refuse()) {
        this.#refuse(line, "unavailable", command.id, 1);
      } else {
        this.#carryOut(line, command);
      }
    }
  }

  // The worker

  /** Does something to the next reply. */
  work(random: () => number): void {
    const next = this.rows.find((row) => row.reply === null || row.reply.status === "running");
    if (next === undefined) return;
    const { turn, id } = next;
    if (next.reply === null) {
      if (this.#cancelled.has(id)) return this.#end("reply.cancelled", next);
      return this.#say({ type: "reply.started", turn, message_id: id, attempt: 1, text: "" });
    }
    const luck = random();
    if (this.#cancelled.has(id)) this.#end("reply.cancelled", next);
    else if (luck < 0.1) this.#say({ type: "reply.started", turn, message_id: id, attempt: 2, text: luck < 0.05 ? next.reply.text : "" });
    else if (luck < 0.2) this.#say({ type: "reply.part", turn, part: { type: "reasoning", text: `r${this.#words++} ` } });
    else if (luck < 0.8) this.#say({ type: "reply.delta", turn, text: `w${this.#words++} ` });
    else this.#end(luck < 0.95 ? "reply.completed" : "reply.failed", next);
  }

  // The replicas

  /** They catch up with so many messages. Whoever waits is told that they have his, or that it takes too long. */
  replicate(count: number, patient: () => boolean): void {
    if (!this.acknowledges) return;
    this.#replicated = Math.min(this.accepted.length, this.#replicated + count);
    const there = new Set(this.accepted.slice(0, this.#replicated));
    for (const line of this.lines) {
      for (const id of line.unacknowledged.splice(0)) {
        if (there.has(id)) line.outgoing.push({ type: "message.acknowledged", message_id: id });
        else if (patient()) line.unacknowledged.push(id);
        else this.#refuse(line, "unacknowledged", id, 1);
      }
    }
  }

  // Fate

  /** Another server of Redis takes over, without the newest of everything. Returns ids whose outcome was lost. */
  failOver(random: () => number): readonly string[] {
    const { accepted, said, changes } = this.#now;
    const keep = (length: number) => Math.max(0, length - Math.floor(random() * 6));
    const before = fold(this.#now, this.#position);
    const kept = accepted.slice(0, Math.max(this.#replicated, keep(accepted.length)));
    // what was said is said of turns that are still there, and numbers were not moved by a change that was lost
    const known = this.#now.changes.length === 0 ? keep(said.length) : said.length;
    const saidOf = (event: Said) => ("message" in event ? event.message.turn : event.turn);
    const sayings = said.slice(0, known).filter((event) => saidOf(event) <= kept.length);
    if (changes.length > 0 && kept.length < accepted.length) return [];
    const answered = new Set(sayings.flatMap((event) => ("message" in event ? [event.message.id] : [])));
    const still = changes.filter((change) => change.type !== "message.feedback" || answered.has(change.message_id));
    this.#pasts.push({ accepted: kept, said: sayings, changes: still });
    this.#cancelled = new Set();
    for (const line of this.lines) line.dead = true;
    const after = new Map(this.rows.map((row) => [row.id, row]));
    const settled = (row: Row | undefined) => row?.reply != null && row.reply.status !== "running";
    return before.filter((row) => settled(row) && !settled(after.get(row.id))).map((row) => row.id);
  }

  #resume(line: Line, cursor: string | null): void {
    const { accepted, said } = this.#now;
    const here = this.#position;
    const lastEnd = said.findLastIndex((event) => "message" in event) + 1;
    const from = cursor === null ? null : read(cursor);
    const exact = from?.past === here.past && from.changes === here.changes && (from.said >= lastEnd || from.said === here.said);
    let position: Position;
    if (from && exact) {
      position = from;
    } else {
      // the document holds what is committed; all attempts of the running reply follow it
      const running = fold(this.#now, here).find((row) => row.reply?.status === "running");
      const started = said.findIndex((event) => event.type === "reply.started" && event.turn === running?.turn);
      position = { ...here, said: running ? started : here.said };
      const messages = stored(this.#now, here);
      line.outgoing.push({ type: "snapshot", messages, cursor: write(position) });
    }
    for (const message of accepted.slice(position.accepted)) {
      position = { ...position, accepted: position.accepted + 1 };
      line.outgoing.push({ type: "message.accepted", message, cursor: write(position) });
    }
    for (const event of said.slice(position.said)) {
      position = { ...position, said: position.said + 1 };
      line.outgoing.push({ ...event, cursor: write(position) });
    }
  }

  #carryOut(line: Line, command: Record<string, string>): void {
    const { accepted } = this.#now;
    const rows = this.rows;
    if (command.type === "message.send") {
      const { id = "", text = "", replaces } = command;
      if (this.acknowledges) line.unacknowledged.push(id);
      if (accepted.some((message) => message.id === id)) return;
      const waiting = rows.filter((row) => row.reply === null || row.reply.status === "running").length;
      if (waiting >= this.inbox) {
        line.unacknowledged.splice(line.unacknowledged.indexOf(id), 1);
        return this.#refuse(line, "busy", id, 1);
      }
      const message: Message = { id, msg: text, role: "user", timestamp: "t", turn: accepted.length + 1, ...(replaces ? { replaces } : {}) };
      accepted.push(message);
      return this.#tell({ type: "message.accepted", message });
    }

    const id = command.message_id ?? "";
    const row = rows.find((other) => other.id === id || `${other.id}.reply` === id);
    if (row === undefined) return this.#refuse(line, "unknown_message", id);
    if (command.type === "reply.cancel") {
      if (row.reply === null || row.reply.status === "running") this.#cancelled.add(id);
      return;
    }
    if (command.type === "message.feedback") {
      if (row.reply === null || row.reply.status === "running") return this.#refuse(line, "unknown_message", id);
      return this.#change({ type: "message.feedback", message_id: id, value: command.value as "up" | "down" });
    }
    if (row.reply !== null || row.withdrawn) return this.#refuse(line, "not_waiting", id);
    const message = stored(this.#now, this.#position).find((other) => other.id === id);
    if (message === undefined) throw new Error("a row without its message");
    if (command.type === "message.edit") {
      this.#change({ type: "message.edited", message: { ...message, msg: command.text ?? "" } });
    } else if (command.type === "message.withdraw") {
      this.#cancelled.add(id);
      this.#change({ type: "message.withdrawn", message_id: id, turn: message.turn });
    } else if (command.type === "message.send_now") {
      this.#sendNow(id);
    }
  }

  #sendNow(id: string): void {
    const waiting = this.rows.filter((row) => row.reply === null);
    const messages = stored(this.#now, this.#position);
    const order = [id, ...waiting.map((row) => row.id).filter((other) => other !== id)];
    const moved = order.map((moving, index) => ({
      ...(messages.find((message) => message.id === moving) as Message),
      turn: waiting[index]?.turn ?? 0,
    }));
    const running = this.rows.find((row) => row.reply?.status === "running");
    if (running) this.#cancelled.add(running.id);
    this.#change({ type: "queue.changed", messages: moved });
  }

  #end(type: Terminal, row: Row): void {
    const status = type.slice("reply.".length) as "completed" | "failed" | "cancelled";
    const message: Message = {
      id: `${row.id}.reply`,
      // the whole text, with what no delta brought
      msg: row.reply && this.#words % 3 === 0 ? `${row.reply.text}end` : (row.reply?.text ?? ""),
      role: "assistant",
      timestamp: "t",
      turn: row.turn,
      reply_to: row.id,
      status,
      parts: row.reply?.reasoning ? [{ type: "reasoning", text: row.reply.reasoning }] : [],
    };
    this.#say({ type, message });
  }

  #say(event: Said): void {
    this.#now.said.push(event);
    this.#tell(event);
  }

  #change(event: Change): void {
    this.#now.changes.push(event);
    this.#tell(event);
  }

  #tell(event: Event): void {
    const cursor = write(this.#position);
    for (const line of this.lines) if (!line.dead) line.outgoing.push({ ...event, cursor } as Event);
  }

  #refuse(line: Line, code: string, id: string, after?: number): void {
    line.outgoing.push({ type: "error", code, message: code, message_id: id, ...(after ? { retry_after: after } : {}) });
  }
}

/** The rows after so much of a history. */
function fold(history: History, position: Position): readonly Row[] {
  const messages = renumbered(history, position);
  return messages.map((message) => {
    const events = history.said.slice(0, position.said).filter((event) => ("message" in event ? event.message.turn : event.turn) === message.turn);
    const started = events.findLastIndex((event) => event.type === "reply.started");
    const end = events.find((event) => "message" in event);
    const current = events.slice(Math.max(0, started));
    const feedback = history.changes
      .slice(0, position.changes)
      .findLast((change) => change.type === "message.feedback" && change.message_id === `${message.id}.reply`);
    const text = current.map((event) => ("text" in event ? event.text : "")).join("");
    const reasoning = current.map((event) => (event.type === "reply.part" && "text" in event.part ? event.part.text : "")).join("");
    return {
      turn: message.turn,
      id: message.id,
      text: message.msg,
      withdrawn: message.withdrawn ?? false,
      reply:
        events.length === 0
          ? null
          : {
              text: end && "message" in end ? end.message.msg : text,
              reasoning,
              status: end ? end.type.slice("reply.".length) : "running",
              feedback: end && feedback?.type === "message.feedback" ? (feedback.value ?? null) : null,
            },
    };
  });
}

function renumbered(history: History, position: Position): Message[] {
  const messages = new Map(history.accepted.slice(0, position.accepted).map((message) => [message.id, message]));
  for (const change of history.changes.slice(0, position.changes)) {
    if (change.type === "message.edited") {
      const old = messages.get(change.message.id);
      if (old) messages.set(old.id, { ...old, msg: change.message.msg });
    } else if (change.type === "message.withdrawn") {
      const old = messages.get(change.message_id);
      if (old) messages.set(old.id, { ...old, withdrawn: true });
    } else if (change.type === "queue.changed") {
      for (const moved of change.messages) {
        const old = messages.get(moved.id);
        if (old) messages.set(old.id, { ...old, turn: moved.turn });
      }
    }
  }
  return [...messages.values()].sort((one, other) => one.turn - other.turn);
}

/** The document: questions and committed answers. */
function stored(history: History, position: Position): Message[] {
  const rows = new Map(fold(history, position).map((row) => [row.id, row]));
  return renumbered(history, position).flatMap((message) => {
    const reply = rows.get(message.id)?.reply;
    if (!reply || reply.status === "running") return [message];
    const end = history.said.find((event) => "message" in event && event.message.reply_to === message.id);
    const answer = end && "message" in end ? { ...end.message, ...(reply.feedback ? { feedback: reply.feedback } : {}) } : null;
    return answer ? [message, answer as Message] : [message];
  });
}

const write = ({ past, accepted, said, changes }: Position) => [past, accepted, said, changes].join(".");

function read(cursor: string): Position {
  const [past = 0, accepted = 0, said = 0, changes = 0] = cursor.split(".").map(Number);
  return { past, accepted, said, changes };
}
