import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";

import { choose, direction, type Language, load, preferred } from "./languages";
import { type Catalog, texts } from "./text";
import { SpeechContext } from "./useText";

interface Props {
  language: Language;
  catalog: Catalog;
  children: ReactNode;
}

/** Gives the page its language, and the document its `lang` and `dir`. */
export function SpeechProvider({ language, catalog, children }: Props) {
  const [spoken, setSpoken] = useState({ language, catalog });

  const change = useCallback((wanted: Language | null) => {
    choose(wanted);
    const next = wanted ?? preferred();
    // not reachable now: the language stays as it is
    void load(next).then((loaded) => setSpoken({ language: next, catalog: loaded }), () => {});
  }, []);

  useEffect(() => {
    document.documentElement.lang = spoken.language;
    document.documentElement.dir = direction(spoken.language);
  }, [spoken.language]);

  const speech = useMemo(
    () => ({ language: spoken.language, text: texts(spoken.language, spoken.catalog), change }),
    [spoken, change],
  );
  return <SpeechContext value={speech}>{children}</SpeechContext>;
}
