import { useEffect, useState } from "react";

import { whenIdle } from "./idle";

/** Pages at the end that are there at once. */
const FIRST = 2;

/**
 * The first page that is mounted: the last two at once, the ones before them one by one when the browser is idle.
 *
 * @param count how many pages there are; 0 while nothing is known.
 */
export function useMounted(count: number): number {
  const [from, setFrom] = useState<number | null>(null);
  const first = from ?? Math.max(0, count - FIRST);
  if (from === null && count > 0) setFrom(first);

  useEffect(() => {
    if (first === 0) return;
    return whenIdle(() => setFrom(first - 1));
  }, [first]);

  return first;
}
