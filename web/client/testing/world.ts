/** A clock, a network and a storage that tests move by hand. Nothing in here waits for real time. */
import { type Environment, memoryStorage, type Socket, type Store } from "../environment";

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Clock {
  now = 1_700_000_000_000;
  #timers: { at: number; callback: () => void }[] = [];

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.now + Math.max(0, milliseconds), callback };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Lets time pass, and everything happen that is due meanwhile. */
  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.at);
      next.callback();
    }
    this.now = end;
  }

  /** Time passes, and nobody is awake to notice. */
  sleep(milliseconds: number): void {
    this.now += milliseconds;
  }
}

/** One storage that several tabs share; each hears what the others do. */
export class SharedStorage {
  readonly #store = memoryStorage();
  readonly #tabs = new Map<object, Set<(key: string | null) => void>>();

  tab(): { storage: Store; watchStorage: Environment["watchStorage"] } {
    const listeners = new Set<(key: string | null) => void>();
    const tab = {};
    this.#tabs.set(tab, listeners);
    const tell = (key: string) => {
      for (const [other, heard] of this.#tabs) if (other !== tab) for (const listener of heard) listener(key);
    };
    const store = this.#store;
    return {
      storage: {
        getItem: (key) => store.getItem(key),
        setItem(key, value) {
          store.setItem(key, value);
          tell(key);
        },
        removeItem(key) {
          store.removeItem(key);
          tell(key);
        },
        key: (index) => store.key(index),
        get length() {
          return store.length;
        },
      },
      watchStorage(callback) {
        listeners.add(callback);
        return () => listeners.delete(callback);
      },
    };
  }
}

/** The page's end of a connection. What is written waits in `sent` until the test takes it. */
export class FakeSocket implements Socket {
  readyState = 0;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  readonly sent: string[] = [];

  constructor(
    readonly url: string,
    readonly protocols: readonly string[],
  ) {}

  /** The part of the address that says where the page stands. */
  get cursor(): string | null {
    return new URL(this.url).searchParams.get("cursor");
  }

  get alive(): boolean {
    return this.readyState < 2;
  }

  send(data: string): void {
    if (this.readyState === 1) this.sent.push(data);
  }

  /** Called by the page. */
  close(): void {
    this.readyState = 3;
  }

  // By the test

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(event: object): void {
    this.onmessage?.({ data: JSON.stringify(event) });
  }

  lose(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  /** Takes what the page wrote. */
  commands(): { type: string; [member: string]: unknown }[] {
    return this.sent.splice(0).map((raw) => JSON.parse(raw));
  }
}

/** One tab of a browser: everything the client takes from it, moved by the test. */
export class Tab implements Environment {
  readonly sockets: FakeSocket[] = [];
  readonly storage: Store;
  readonly watchStorage: Environment["watchStorage"];
  isOnline = true;
  isVisible = true;
  /** What the API answers; null: it cannot be reached. */
  answer: { status: number; body: object } | null = null;
  readonly #watchers = new Set<(change: "online" | "offline" | "visible" | "hidden") => void>();
  #ids = 0;

  constructor(
    readonly clock: Clock,
    readonly random: () => number = () => 0.5,
    storage: SharedStorage = new SharedStorage(),
    readonly name = "m",
  ) {
    ({ storage: this.storage, watchStorage: this.watchStorage } = storage.tab());
  }

  /** The newest connection. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("the page never connected");
    return socket;
  }

  now = () => this.clock.now;
  after = (milliseconds: number, callback: () => void) => this.clock.after(milliseconds, callback);
  frame = (callback: () => void) => void this.clock.after(16, callback);
  online = () => this.isOnline;
  visible = () => this.isVisible;
  id = () => `${this.name}${++this.#ids}`;

  connect(url: string, protocols: string[]): Socket {
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  }

  async fetch(): Promise<Response> {
    if (this.answer === null) throw new TypeError("fetch failed");
    return Response.json(this.answer.body, { status: this.answer.status });
  }

  watch(callback: (change: "online" | "offline" | "visible" | "hidden") => void): () => void {
    this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  change(change: "online" | "offline" | "visible" | "hidden"): void {
    if (change === "online" || change === "offline") this.isOnline = change === "online";
    else this.isVisible = change === "visible";
    for (const watcher of this.#watchers) watcher(change);
  }
}

export const SESSION = { id: "s1", token: "s1.secret" };
export const BASE = "https://chat.test";
export const READY = {
  type: "session.ready",
  session: { id: "s1", name: "Ada", session_start: "2026-01-01T00:00:00Z" },
  limits: { message_bytes: 100, inbox: 3, session_ttl: 3600 },
} as const;
