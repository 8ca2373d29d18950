import type { Connection as State } from "../../client";
import type { Key } from "../i18n/text";
import { useText } from "../i18n/useText";

import styles from "./Connection.module.css";

const WORDS = {
  connecting: "connection.connecting",
  connected: "connection.connected",
  reconnecting: "connection.reconnecting",
  offline: "connection.offline",
  gone: "connection.gone",
  closed: "connection.gone",
} as const satisfies Record<State["status"], Key>;

/** How the page reaches the server: a dot as long as all is well, a word as soon as it is not. */
export function Connection({ status }: { status: State["status"] }) {
  const t = useText();
  return (
    <span className={styles.connection} data-status={status} title={t(WORDS[status])}>
      <span className={styles.dot} aria-hidden="true" />
      <span className={styles.word}>{t(WORDS[status])}</span>
    </span>
  );
}
