/**
 * The messages of a session that have no outcome yet, or that a failover could still lose together with their outcome,
 * kept where a reload, a crash of the browser and another tab find them. Each message has a key of its own: tabs never write the same one with different content, so none loses what
 * another wrote, and sending a message from two tabs counts once because its id is the same.
 */
import type { Environment } from "./environment";

export interface Kept {
  readonly id: string;
  readonly text: string;
  readonly replaces?: string;
  readonly answers?: string;
  /** Milliseconds since 1970, and the order of sending: never the same twice in one session of one browser. */
  readonly createdAt: number;
}

/** What is kept of a message, and nothing else of it. */
export const plain = ({ id, text, createdAt, replaces, answers }: Kept): Kept => ({
  id,
  text,
  createdAt,
  ...(replaces === undefined ? {} : { replaces }),
  ...(answers === undefined ? {} : { answers }),
});

/** How many messages are kept for one session; the server's own bound on waiting messages is lower. */
export const OUTBOX_LIMIT = 100;

export class Outbox {
  readonly #environment: Environment;
  readonly #prefix: string;
  readonly #messages = new Map<string, Kept>();
  /** What the storage had no room for: it lasts as long as the page. */
  readonly #unstored = new Set<string>();
  /** What replicas have. Not stored: a page that does not know asks again. */
  readonly #acknowledged = new Set<string>();
  /** Whether the server says when replicas have a message. */
  acknowledges = false;

  constructor(environment: Environment, session: string) {
    this.#environment = environment;
    this.#prefix = outboxPrefix(session);
    this.refresh();
  }

  /** In the order of sending. */
  get messages(): readonly Kept[] {
    return [...this.#messages.values()].sort((one, other) => one.createdAt - other.createdAt);
  }

  get full(): boolean {
    return this.#messages.size >= OUTBOX_LIMIT;
  }

  /** The next point in the order of sending. */
  next(): number {
    return Math.max(this.#environment.now(), ...[...this.#messages.values()].map((message) => message.createdAt + 1));
  }

  /** Keeps a message, or its new text. */
  put(message: Kept): void {
    this.#messages.set(message.id, message);
    try {
      this.#environment.storage.setItem(this.#prefix + message.id, JSON.stringify(message));
      this.#unstored.delete(message.id);
    } catch {
      this.#unstored.add(message.id);
    }
  }

  has(id: string): boolean {
    return this.#messages.has(id);
  }

  /** Replicas have the message. */
  acknowledged(id: string): void {
    if (this.has(id)) this.#acknowledged.add(id);
  }

  /** Whether the server has the message as safely as it ever says. */
  safe(id: string): boolean {
    return !this.acknowledges || this.#acknowledged.has(id);
  }

  /** The message has its outcome: nothing more is owed, once it is safe. */
  settled(id: string): void {
    if (this.safe(id)) this.remove(id);
  }

  remove(id: string): void {
    this.#unstored.delete(id);
    this.#acknowledged.delete(id);
    if (this.#messages.delete(id)) this.#environment.storage.removeItem(this.#prefix + id);
  }

  /** Whether a key of the storage belongs to this outbox. Not if all was cleared: nobody clears what is on its way. */
  owns(key: string | null): boolean {
    return key !== null && key.startsWith(this.#prefix);
  }

  /** Reads what other tabs did. Returns what they added and what they took out. */
  refresh(): { added: readonly Kept[]; removed: readonly string[] } {
    const stored = new Map(readAll(this.#environment, this.#prefix).map((message) => [message.id, message]));
    const added = [...stored.values()].filter((message) => this.#messages.get(message.id)?.text !== message.text);
    const removed = [...this.#messages.keys()].filter((id) => !stored.has(id) && !this.#unstored.has(id));
    for (const message of added) this.#messages.set(message.id, message);
    for (const id of removed) {
      this.#messages.delete(id);
      this.#acknowledged.delete(id);
    }
    return { added, removed };
  }
}

/** Forgets the outbox of a session. */
export function clearOutbox(environment: Environment, session: string): void {
  for (const message of readAll(environment, outboxPrefix(session))) {
    environment.storage.removeItem(outboxPrefix(session) + message.id);
  }
}

const outboxPrefix = (session: string) => `unbroken:outbox:${session}:`;

function readAll({ storage }: Environment, prefix: string): Kept[] {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  return keys.flatMap((key) => {
    const raw = key?.startsWith(prefix) ? storage.getItem(key) : null;
    try {
      const message = raw === null ? null : (JSON.parse(raw) as Kept);
      const sound = typeof message?.id === "string" && typeof message.text === "string" && Number.isFinite(message.createdAt);
      return sound ? [message as Kept] : [];
    } catch {
      return [];
    }
  });
}
