/** Longest time until what could not be loaded is tried again, in ms; less if the browser comes online before. */
const PAUSE = 3000;

/** A part of the page that its first view does without. It is loaded once, and tried again for as long as it is not reachable. */
export class Later<T> {
  #value: T | null = null;
  #loading: Promise<T> | null = null;
  readonly #listeners = new Set<() => void>();

  // the bundler looks for the styles of what is imported too: only around this function does it tell us that it failed
  constructor(private readonly load: () => Promise<T>) {}

  /** What was loaded, or null for now. */
  get = (): T | null => this.#value;

  /** Begins to load, unless that was done; the promise waits for as long as it takes. */
  start(): Promise<T> {
    this.#loading ??= this.#insist();
    return this.#loading;
  }

  /** Begins to load, and calls back when it is there. Returns how to give that up. */
  subscribe = (listener: () => void): (() => void) => {
    void this.start();
    return this.listen(listener);
  };

  /** Calls back when it is there, without asking for it. Returns how to give that up. */
  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async #insist(): Promise<T> {
    for (;;) {
      try {
        this.#value = await this.load();
        break;
      } catch {
        await again();
      }
    }
    for (const listener of this.#listeners) listener();
    return this.#value;
  }
}

function again(): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, PAUSE);
    addEventListener("online", go);
  });
}
