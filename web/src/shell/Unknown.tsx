import { useText } from "../i18n/useText";

import styles from "./Centre.module.css";

/** The address names a chat, but this browser has no key to it: a bare address was copied instead of a link. */
export function Unknown({ onNew }: { onNew: () => void }) {
  const t = useText();
  return (
    <main className={styles.centre}>
      <div className={styles.card}>
        <h1 className={styles.title}>{t("unknown.title")}</h1>
        <p className={styles.lead}>{t("unknown.text")}</p>
        <button type="button" className="button primary" onClick={onNew}>
          {t("chat.new")}
        </button>
      </div>
    </main>
  );
}
