import { useMemo } from "react";

import type { Entry } from "../../client/view";
import { useText } from "../i18n/useText";
import { LatestIcon } from "../shell/icons";
import { Page } from "./Page";
import { pages } from "./split";
import type { Follow } from "./useFollow";
import { useMounted } from "./useMounted";

import styles from "./Thread.module.css";

const PAGE = 20;

interface Props {
  entries: readonly Entry[];
  follow: Follow;
}

/** The conversation, from its end. */
export function Thread({ entries, follow }: Props) {
  const text = useText();
  const parts = useMemo(() => pages(entries, PAGE), [entries]);
  const from = useMounted(parts.length);
  const lastId = entries.at(-1)?.id;
  return (
    <div className={styles.frame}>
      <div
        ref={follow.scroller}
        className={styles.scroller}
        data-following={follow.following || undefined}
        role="region"
        aria-label={text("thread")}
        tabIndex={0}
      >
        <div ref={follow.content} className={styles.content}>
          {parts.map((rows, index) => index >= from && <Page key={index} entries={rows} lastId={lastId} />)}
        </div>
      </div>
      {!follow.following && (
        <button type="button" className={styles.latest} onClick={follow.jump} aria-keyshortcuts="Alt+J" title={text("thread.latest")}>
          <LatestIcon />
          <span className="unseen">{text("thread.latest")}</span>
        </button>
      )}
    </div>
  );
}
