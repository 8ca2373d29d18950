/**
 * One session's socket, and all that keeps it there: it comes back after every loss, with the cursor of what was shown,
 * soon at first and then ever later, at a random point of the wait so that a thousand pages do not come back at once.
 *
 * A socket whose other end vanished (a laptop that slept, another network, a router that forgot) says nothing about it,
 * and a page cannot ping. So whenever that may have happened the socket is simply replaced: the cursor makes it cheap,
 * and nobody sees it.
 */
import type { Environment, Socket } from "./environment";
import { CloseCode, type Command, type Event, reconnects, SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "./protocol";
import type { Connection, ConnectionStatus } from "./state";

/** Longest waits before attempts 1, 2, 3 …: half a second, doubled up to half a minute. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A socket that did not say `session.ready` by then is given up. */
const OPEN_TIMEOUT = 10_000;
/** A connection that lasted so long was a good one: the next loss starts with a short wait again. */
const STABLE = 5_000;
/** Silence after which the socket is replaced: while an answer is due (doubled while it helps nothing), and otherwise. */
const SILENCE_BUSY = 20_000;
const SILENCE_BUSY_LONGEST = 160_000;
const SILENCE_IDLE = 120_000;
/** Silence that makes a page suspicious when it is looked at again. */
const SILENCE_HIDDEN = 30_000;
const HEARTBEAT = 5_000;

/** A random wait in milliseconds before the next attempt, after so many failed ones ("full jitter"). */
export function backoff(failed: number, random: () => number): number {
  return random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(failed, 10));
}

export interface TransportOptions {
  readonly environment: Environment;
  /** Address of the server, without a slash at the end. */
  readonly base: string;
  readonly session: { readonly id: string; readonly token: string };
  /** What was shown so far. */
  cursor(): string | null;
  /** Whether the server has something to say soon. */
  expecting(): boolean;
  onEvent(event: Event): void;
  onConnection(connection: Connection): void;
  /** The socket is gone, and with it whatever it was not seen to deliver. */
  onLost(): void;
}

export class Transport {
  readonly #options: TransportOptions;
  readonly #environment: Environment;
  #socket: Socket | null = null;
  #status: ConnectionStatus = "connecting";
  #retryAt: number | null = null;
  #failed = 0;
  #opened = false;
  /** When the session became ready; null before. */
  #readySince: number | null = null;
  #lastHeard = 0;
  #patience = SILENCE_BUSY;
  /** A server that is about to stop named this time. */
  #notBefore = 0;
  #timers = new Map<"retry" | "open" | "heartbeat" | "move", () => void>();
  #unwatch: (() => void) | null = null;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#environment = options.environment;
  }

  get ready(): boolean {
    return this.#readySince !== null;
  }

  open(): void {
    this.#unwatch ??= this.#environment.watch((change) => this.#changed(change));
    this.#beat(this.#environment.now());
    this.#connect();
  }

  /** For good. */
  close(): void {
    this.#end("closed", null);
    this.#unwatch?.();
    this.#unwatch = null;
  }

  /** At once: because somebody asked for it. Works after `gone` as well. */
  reconnect(): void {
    this.#failed = 0;
    if (!this.#timers.has("heartbeat")) this.#beat(this.#environment.now());
    if (this.#status !== "connected") this.#tell("connecting");
    this.#connect();
  }

  /** Replaces the socket because it may be dead; who watches sees nothing unless it was. */
  check(): void {
    if (this.ready || this.#timers.has("retry")) this.#connect();
  }

  /** False if there is no connection to send it on. */
  send(command: Command): boolean {
    if (!this.ready || this.#socket === null) return false;
    this.#socket.send(JSON.stringify(command));
    return true;
  }

  #connect(): void {
    this.#drop();
    const { base, session } = this.#options;
    const cursor = this.#options.cursor();
    const query = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const socket = this.#environment.connect(`${base.replace(/^http/, "ws")}/chat${query}`, [
      SUBPROTOCOL,
      TOKEN_SUBPROTOCOL + session.token,
    ]);
    this.#socket = socket;
    this.#opened = false;
    this.#set("open", OPEN_TIMEOUT, () => this.#lost(0));
    // a socket that was replaced has nothing to say any more
    socket.onopen = () => void (socket === this.#socket && (this.#opened = true));
    socket.onmessage = ({ data }) => void (socket === this.#socket && this.#receive(data));
    socket.onclose = ({ code }) => void (socket === this.#socket && this.#lost(code));
  }

  #receive(data: unknown): void {
    let event: Event;
    try {
      event = JSON.parse(String(data)) as Event;
    } catch {
      return this.#lost(0);
    }
    this.#lastHeard = this.#environment.now();
    if (event.type === "session.ready") {
      this.#cancel("open");
      this.#readySince = this.#lastHeard;
      this.#tell("connected");
    } else if (event.type === "reconnect") {
      this.#notBefore = this.#lastHeard + event.after * 1000;
      this.#set("move", event.after * 1000, () => this.check());
    } else {
      this.#patience = SILENCE_BUSY;
    }
    this.#options.onEvent(event);
  }

  #lost(code: number): void {
    const opened = this.#opened;
    if (this.#readySince !== null && this.#environment.now() - this.#readySince >= STABLE) this.#failed = 0;
    this.#drop();
    if (!reconnects(code)) return this.#end("gone", code === CloseCode.POLICY ? "unauthorized" : reasonOf(code));
    const wait = Math.max(
      backoff(this.#failed, this.#environment.random),
      code === CloseCode.TRY_LATER ? 1000 : 0,
      this.#notBefore - this.#environment.now(),
    );
    this.#failed += 1;
    this.#set("retry", wait, () => {
      this.#tell(this.#away());
      this.#connect();
    });
    this.#tell(this.#away(), this.#environment.now() + wait);
    if (!opened) void this.#probe();
  }

  #away(): ConnectionStatus {
    return this.#environment.online() ? "reconnecting" : "offline";
  }

  /**
   * A server that refuses the handshake looks to a page like one that is not there. So the API is asked: only a clear
   * answer of the API ends the attempts, not that of a proxy in front of it.
   */
  async #probe(): Promise<void> {
    const { base, session } = this.#options;
    const attempt = this.#failed;
    try {
      const answer = await this.#environment.fetch(`${base}/sessions/${encodeURIComponent(session.id)}`, {
        headers: { Authorization: `Bearer ${session.token}` },
        cache: "no-store",
        credentials: "omit",
      });
      const refusal = answer.ok ? null : ((await answer.json()) as { error?: { code?: string } }).error?.code;
      if (answer.ok) void answer.body?.cancel();
      const current = attempt === this.#failed && this.#timers.has("retry");
      if (current && (refusal === "unauthorized" || refusal === "session_gone")) this.#end("gone", refusal);
    } catch {
      // not there either: the next attempt is planned already
    }
  }

  #changed(change: "online" | "offline" | "visible" | "hidden"): void {
    const { now } = this.#environment;
    if (this.#status === "gone" || this.#status === "closed") return;
    if (change === "offline") {
      // not believed: a server on this very machine is still there, and then the next attempt finds it
      if (this.ready) this.#lost(0);
      else if (this.#status !== "connected") this.#tell("offline", this.#retryAt);
    } else if (change === "online") {
      // an attempt that is under way started without a network
      this.#failed = 0;
      this.#connect();
    } else if (change === "visible" && (!this.ready || now() - this.#lastHeard > SILENCE_HIDDEN)) {
      this.#failed = 0;
      this.check();
    }
  }

  #beat(last: number): void {
    this.#set("heartbeat", HEARTBEAT, () => {
      const now = this.#environment.now();
      // hidden pages have slow timers; they are looked after when they are shown again
      if (this.ready && this.#environment.visible()) {
        const silence = now - this.#lastHeard;
        const slept = now - last > 3 * HEARTBEAT;
        const overdue = this.#options.expecting() && silence > this.#patience;
        if (overdue) this.#patience = Math.min(2 * this.#patience, SILENCE_BUSY_LONGEST);
        if (overdue || slept || silence > SILENCE_IDLE) this.check();
      }
      this.#beat(now);
    });
  }

  #end(status: "gone" | "closed", reason: string | null): void {
    this.#drop();
    this.#cancel("heartbeat");
    this.#tell(status, null, reason);
  }

  /** Lets go of the socket, without a word to anybody about the connection. */
  #drop(): void {
    for (const timer of ["retry", "open", "move"] as const) this.#cancel(timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#readySince = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#options.onLost();
  }

  #tell(status: ConnectionStatus, retryAt: number | null = null, reason: string | null = null): void {
    if (status === "connected") this.#notBefore = 0;
    this.#status = status;
    this.#retryAt = retryAt;
    this.#options.onConnection({ status, attempt: this.#failed, retryAt, reason });
  }

  #set(name: "retry" | "open" | "heartbeat" | "move", wait: number, callback: () => void): void {
    this.#cancel(name);
    const cancel = this.#environment.after(wait, () => {
      this.#timers.delete(name);
      callback();
    });
    this.#timers.set(name, cancel);
  }

  #cancel(name: "retry" | "open" | "heartbeat" | "move"): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}

function reasonOf(code: number): string {
  if (code === CloseCode.SESSION_GONE) return "session_gone";
  if (code === CloseCode.TOO_BIG) return "bad_message";
  return code === CloseCode.NORMAL ? "closed" : "bad_request";
}
