import { ExpandIcon, MoreIcon } from "../shell/icons";
import { Value } from "./Value";

import styles from "./Parts.module.css";

/** What a bot adds under a name that this page does not know: folded, for who does. */
export function Named({ name, value }: { name: string; value: unknown }) {
  return (
    <details className={styles.part}>
      <summary className={styles.summary}>
        <MoreIcon />
        <span dir="auto">{name}</span>
        <ExpandIcon />
      </summary>
      <div className={styles.values}>
        <Value label={name} value={value} />
      </div>
    </details>
  );
}
