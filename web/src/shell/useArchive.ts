import { useEffect, useMemo, useState } from "react";

import type { State, Turn } from "../../client";
import { keep, kept } from "./archive";

/** Writing waits until nothing changed for so long, in milliseconds. */
const QUIET = 1000;

/** The state of a chat; of one that is gone, with what this browser kept of it. */
export function useArchive(id: string, state: State): State {
  const [old, setOld] = useState<readonly Turn[]>([]);
  const { turns } = state;
  const gone = state.connection.status === "gone";
  const lost = gone && !turns.length;

  useEffect(() => {
    if (!turns.length) return;
    const timer = setTimeout(() => void keep(id, turns), QUIET);
    return () => clearTimeout(timer);
  }, [id, turns]);

  useEffect(() => {
    if (!lost) return;
    let left = false;
    void kept(id).then((found) => left || setOld(found));
    return () => {
      left = true;
    };
  }, [id, lost]);

  return useMemo(() => (lost && old.length ? { ...state, turns: old } : state), [state, lost, old]);
}
