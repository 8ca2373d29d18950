import { memo } from "react";

import type { Entry } from "../../client/view";
import { Row } from "./Row";

import styles from "./Thread.module.css";

interface Props {
  entries: readonly Entry[];
  /** Id of the last row of the thread, which can be edited and answered again. */
  lastId: string | undefined;
}

/**
 * Twenty rows. The browser skips the layout of pages out of sight (`content-visibility`), and yet finds their text.
 */
export const Page = memo(
  ({ entries, lastId }: Props) => (
    <div className={styles.page}>
      {entries.map((entry) => (
        <Row key={entry.id} entry={entry} last={entry.id === lastId} />
      ))}
    </div>
  ),
  (before, after) =>
    before.entries.length === after.entries.length &&
    before.entries.every((entry, index) => entry === after.entries[index]) &&
    // only the page that holds the last row has to know which it is
    (before.lastId === after.lastId || !after.entries.some(({ id }) => id === before.lastId || id === after.lastId)),
);
