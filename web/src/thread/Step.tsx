import type { Entry } from "../../client/view";
import { useText } from "../i18n/useText";
import { useThread } from "./context";
import { Countdown } from "./Countdown";

import styles from "./Question.module.css";

/** How far a message has come, as long as that is worth a word. */
export function Step({ entry }: { entry: Entry }) {
  const t = useText();
  const { chat } = useThread();
  const { pending } = entry;
  switch (entry.step) {
    case "waiting":
      return <span className={styles.step}>{t("step.waiting")}</span>;
    case "sending":
      return <span className={`${styles.step} ${styles.late}`}>{t("step.sending")}</span>;
    case "busy":
      return (
        <span className={styles.step}>
          <Countdown until={pending?.retryAt} say={(count) => t(pending?.error?.code === "busy" ? "step.busy" : "step.later", { count })} />
        </span>
      );
    case "refused":
      if (pending?.error?.code === "not_waiting") {
        return (
          <span className={`${styles.step} ${styles.back}`} role="status">
            {t("step.answered")}
            <button type="button" className="link" onClick={() => chat.sendAnyway(entry.id)}>
              {t("step.anyway")}
            </button>
            <button type="button" className="link" onClick={() => chat.withdraw(entry.id)}>
              {t("discard")}
            </button>
          </span>
        );
      }
      return (
        <span className={styles.refused} role="alert">
          {pending?.error?.code === "session_full" ? t("step.full") : (pending?.error?.message ?? t("step.refused"))}
          <button type="button" className="link" onClick={() => chat.retry(entry.id)}>
            {t("retry")}
          </button>
          <button type="button" className="link" onClick={() => chat.withdraw(entry.id)}>
            {t("discard")}
          </button>
        </span>
      );
    default:
      return null;
  }
}
