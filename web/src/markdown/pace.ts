/**
 * At most so much text becomes elements in one frame, over all messages together. 50,000 characters that arrive at once
 * would block the page for a third of a second; like this they appear over a few frames, and it answers all the while.
 * A text that is hard to render (a table of a thousand rows) gets longer in larger steps, and leaves most of the time to
 * others.
 */
import { useEffect, useLayoutEffect, useReducer, useState } from "react";

/** Characters a frame: two to eight milliseconds of work. */
const PER_FRAME = 8000;

/** A rendering that takes longer than this, in milliseconds, is followed by a pause of so many times as much. */
const EASY = 8;
const PAUSE = 3;

let left = PER_FRAME;
let frame = 0;
const waiting = new Set<() => void>();

function schedule(): void {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    left = PER_FRAME;
    const called = [...waiting];
    waiting.clear();
    for (const callback of called) callback();
  });
}

function take(wanted: number): number {
  const granted = Math.min(wanted, left);
  left -= granted;
  if (granted > 0) schedule();
  return granted;
}

/** How many characters of a text of this length may be shown now; asks for the rest by itself. */
export function usePace(length: number): number {
  const [pace] = useState(() => ({ shown: 0, pausedUntil: 0 }));
  const [, again] = useReducer((count: number) => count + 1, 0);
  const started = performance.now();
  pace.shown = Math.min(pace.shown, length);
  if (started >= pace.pausedUntil) pace.shown += take(length - pace.shown);
  const { shown } = pace;

  useLayoutEffect(() => {
    // everything inside is rendered by now
    const now = performance.now();
    const cost = now - started;
    if (cost > EASY) pace.pausedUntil = now + cost * PAUSE;
  }, [pace, shown, started]);

  useEffect(() => {
    if (shown >= length) return;
    const pause = pace.pausedUntil - performance.now();
    if (pause > 0) {
      const timer = setTimeout(again, pause);
      return () => clearTimeout(timer);
    }
    waiting.add(again);
    schedule();
    return () => void waiting.delete(again);
  });

  return shown;
}
