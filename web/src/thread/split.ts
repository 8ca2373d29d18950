import type { Entry } from "../../client/view";

export interface Split {
  /** Rows of the thread. */
  readonly shown: readonly Entry[];
  /** Messages that wait behind another one: they stand above the composer, until it is their turn. */
  readonly waiting: readonly Entry[];
}

/** Everything answered or refused stands in the thread, with the one message that is next; the others wait. */
export function split(entries: readonly Entry[]): Split {
  const shown: Entry[] = [];
  const waiting: Entry[] = [];
  let busy = false;
  for (const entry of entries) {
    if (entry.step === "answered" || entry.step === "refused") {
      shown.push(entry);
    } else if (busy) {
      waiting.push(entry);
    } else {
      shown.push(entry);
      busy = true;
    }
  }
  return { shown, waiting };
}

/** Cuts rows into pages of the same rows as long as new ones come only at the end. */
export function pages<Row>(rows: readonly Row[], size: number): readonly (readonly Row[])[] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, page) => rows.slice(page * size, (page + 1) * size));
}
