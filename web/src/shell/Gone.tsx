import type { Entry } from "../../client";
import { useText } from "../i18n/useText";
import { CopyButton } from "./CopyButton";

import styles from "./Gone.module.css";

interface Props {
  /** A code of the protocol. */
  reason: string | null;
  entries: readonly Entry[];
  onNew: () => void;
}

const transcript = (entries: readonly Entry[]): string =>
  entries
    .flatMap((entry) => [`> ${entry.text.replaceAll("\n", "\n> ")}`, entry.reply?.text ?? ""])
    .filter(Boolean)
    .join("\n\n");

/** The session is over. What was said can still be read and copied, and a new one is one button away. */
export function Gone({ reason, entries, onNew }: Props) {
  const t = useText();
  return (
    <section className={styles.gone} aria-label={t("gone.title")} role="alert">
      <p className={styles.title}>{reason === "unauthorized" ? t("gone.key") : t("gone.title")}</p>
      <p>{entries.length ? t("gone.text") : t("gone.empty")}</p>
      <div className={styles.buttons}>
        <button type="button" className="button primary" onClick={onNew}>
          {t("chat.new")}
        </button>
        {entries.length > 0 && <CopyButton text={transcript(entries)} label={t("gone.copy")} wide />}
      </div>
    </section>
  );
}
