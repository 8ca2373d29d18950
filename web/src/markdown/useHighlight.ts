import { type ReactNode, useEffect, useState } from "react";

import { whenIdle } from "../thread/idle";

/** Longer than this, colouring takes more of a frame than it is worth. */
const LIMIT = 20_000;

/** The coloured code, once it is complete, its language is known and the browser has time; null until then. */
export function useHighlight(text: string, language: string, done: boolean): ReactNode {
  const [result, setResult] = useState<{ text: string; nodes: ReactNode } | null>(null);
  const wanted = done && language !== "" && text.length <= LIMIT;

  useEffect(() => {
    if (!wanted) return;
    let cancel = () => {};
    let left = false;
    void import("./highlight").then(
      ({ highlight }) => {
        if (!left) cancel = whenIdle(() => setResult({ text, nodes: highlight(text, language.toLowerCase()) }));
      },
      () => {}, // not reachable now: the code stays readable without colours
    );
    return () => {
      left = true;
      cancel();
    };
  }, [wanted, text, language]);

  return wanted && result?.text === text ? result.nodes : null;
}
