/**
 * Everything this package takes from the browser, in one place, so that tests bring their own clock, network and luck.
 */

/** The part of a WebSocket that is used. */
export interface Socket {
  readonly readyState: number;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

/** The part of `localStorage` that is used. */
export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export interface Environment {
  /** Milliseconds since 1970. */
  now(): number;
  /** Evenly from 0 up to 1. */
  random(): number;
  /** Calls back once after some milliseconds; the answer cancels that. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Calls back before the next picture is drawn, or soon if none is. */
  frame(callback: () => void): void;
  connect(url: string, protocols: string[]): Socket;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** False if the browser is sure that there is no network. */
  online(): boolean;
  visible(): boolean;
  /** Calls back when the network or the visibility of the page changed; the answer ends that. */
  watch(callback: (change: "online" | "offline" | "visible" | "hidden") => void): () => void;
  readonly storage: Store;
  /** Calls back with the key that another tab wrote or removed (null: all of them); the answer ends that. */
  watchStorage(callback: (key: string | null) => void): () => void;
  /** A new id that nobody else will choose. */
  id(): string;
}

export function browser(): Environment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    frame(callback) {
      // a hidden page, or a frame that is not shown, draws nothing; who listens should still learn the news
      const timer = setTimeout(() => {
        cancelAnimationFrame(handle);
        callback();
      }, 250);
      const handle = requestAnimationFrame(() => {
        clearTimeout(timer);
        callback();
      });
    },
    connect: (url, protocols) => new WebSocket(url, protocols) as Socket,
    fetch: (url, init) => fetch(url, init),
    online: () => navigator.onLine,
    visible: () => !document.hidden,
    watch(callback) {
      const online = () => callback("online");
      const offline = () => callback("offline");
      const visibility = () => callback(document.hidden ? "hidden" : "visible");
      window.addEventListener("online", online);
      window.addEventListener("offline", offline);
      document.addEventListener("visibilitychange", visibility);
      return () => {
        window.removeEventListener("online", online);
        window.removeEventListener("offline", offline);
        document.removeEventListener("visibilitychange", visibility);
      };
    },
    storage: storage(),
    watchStorage(callback) {
      const listener = (event: StorageEvent) => callback(event.key);
      window.addEventListener("storage", listener);
      return () => window.removeEventListener("storage", listener);
    },
    id: newId,
  };
}

/** 144 random bits. `crypto.randomUUID` is missing on pages that are not served over TLS. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

/** The browser's storage, or one that lasts as long as the page where the browser forbids it. */
function storage(): Store {
  try {
    const probe = "unbroken:probe";
    localStorage.setItem(probe, "");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return memoryStorage();
  }
}

export function memoryStorage(): Store {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    key: (index) => [...items.keys()][index] ?? null,
    get length() {
      return items.size;
    },
  };
}
