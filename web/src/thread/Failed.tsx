import type { Failure } from "../../client/protocol";
import { useText } from "../i18n/useText";
import { AgainIcon, WarningIcon } from "../shell/icons";
import { useThread } from "./context";

import styles from "./Answer.module.css";

interface Props {
  error: Failure | null;
  onAgain: (() => void) | null;
}

/** What went wrong, in the words that the server chose for the reader, and a way on. */
export function Failed({ error, onAgain }: Props) {
  const t = useText();
  const { live } = useThread();
  return (
    <div className={styles.failed}>
      <WarningIcon />
      <div>
        <p className={styles.failedTitle}>{t("answer.failed")}</p>
        {error?.message && <p dir="auto">{error.message}</p>}
        {error?.reference && <p className={styles.reference}>{t("reference", { reference: error.reference })}</p>}
        {onAgain && live && (
          <button type="button" className="button" onClick={onAgain}>
            <AgainIcon />
            {t("retry")}
          </button>
        )}
      </div>
    </div>
  );
}
