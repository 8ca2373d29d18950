/**
 * The sessions that this browser knows. Their tokens stay here: they go to the server that made them, and into a link
 * only where the reader asks for one, behind the `#` that browsers never send.
 *
 * Each session has a key of its own in the storage, so that tabs do not overwrite each other's.
 */
import { browser, type Environment } from "./environment";
import { clearOutbox } from "./outbox";

export interface SavedSession {
  readonly id: string;
  readonly token: string;
  readonly name: string;
  /** Which of the server's bots answers; empty: the first. */
  readonly bot: string;
  /** The beginning of what was said last, for the list. */
  readonly lastText: string;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
}

/** The list holds so many; the ones that were not used for longest leave it. */
const LIMIT = 200;
const LAST_TEXT = 200;

const SESSION = "unbroken:session:";
const DRAFT = "unbroken:draft:";

export class Sessions {
  readonly #environment: Environment;
  readonly #listeners = new Set<() => void>();
  #list: readonly SavedSession[];

  constructor(environment: Environment = browser()) {
    this.#environment = environment;
    this.#list = this.#read();
    environment.watchStorage((key) => {
      if (key === null || key.startsWith(SESSION)) this.#changed();
    });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Newest first. The same array until something changes. */
  readonly getSnapshot = (): readonly SavedSession[] => this.#list;

  get(id: string): SavedSession | null {
    return this.#list.find((session) => session.id === id) ?? null;
  }

  save(session: SavedSession): void {
    this.#write({ ...session, lastText: session.lastText.slice(0, LAST_TEXT) });
    for (const old of this.#read().slice(LIMIT)) this.#forget(old.id);
    this.#changed();
  }

  /** Does nothing if the session is not in the list. */
  update(id: string, change: Partial<Pick<SavedSession, "name" | "bot" | "lastText" | "updatedAt">>): void {
    const before = this.get(id);
    if (before === null) return;
    const after = { ...before, ...change };
    if (JSON.stringify(after) !== JSON.stringify(before)) this.save(after);
  }

  /** Forgets a session, and what was typed or not yet sent in it. */
  remove(id: string): void {
    this.#forget(id);
    this.#changed();
  }

  /** What was typed in a session and not sent. */
  draft(id: string): string {
    return this.#environment.storage.getItem(DRAFT + id) ?? "";
  }

  setDraft(id: string, text: string): void {
    if (text === "") this.#environment.storage.removeItem(DRAFT + id);
    else this.#store(DRAFT + id, text);
  }

  #forget(id: string): void {
    this.#environment.storage.removeItem(SESSION + id);
    this.#environment.storage.removeItem(DRAFT + id);
    clearOutbox(this.#environment, id);
  }

  #write(session: SavedSession): void {
    this.#store(SESSION + session.id, JSON.stringify(session));
  }

  #store(key: string, value: string): void {
    try {
      this.#environment.storage.setItem(key, value);
    } catch {
      // no room: the session still works, it is only not remembered
    }
  }

  #changed(): void {
    this.#list = this.#read();
    for (const listener of this.#listeners) listener();
  }

  #read(): SavedSession[] {
    const { storage } = this.#environment;
    const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
    return keys
      .flatMap((key) => (key?.startsWith(SESSION) ? (parse(storage.getItem(key)) ?? []) : []))
      .sort((one, other) => other.updatedAt - one.updatedAt || one.id.localeCompare(other.id));
  }
}

function parse(raw: string | null): SavedSession | null {
  try {
    const { id, token, name, bot, lastText, updatedAt } = JSON.parse(raw ?? "") as Record<string, unknown>;
    if (typeof id !== "string" || typeof token !== "string") return null;
    const text = (value: unknown) => String(value ?? "");
    return { id, token, name: text(name), bot: text(bot), lastText: text(lastText), updatedAt: Number(updatedAt) || 0 };
  } catch {
    return null;
  }
}

/** The part of an address that opens a session anywhere. Browsers keep it to themselves. */
export function fragmentOf(session: { readonly token: string }): string {
  return `#${session.token}`;
}

/** Reads what `fragmentOf` wrote; null if it is something else. */
export function fromFragment(hash: string): { readonly id: string; readonly token: string } | null {
  const [token, id] = /^#([\w-]+)\.[\w-]+$/.exec(hash) ?? [];
  return token && id ? { id, token: token.slice(1) } : null;
}
