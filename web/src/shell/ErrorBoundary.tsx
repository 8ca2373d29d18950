import { Component, type ReactNode } from "react";

import { SpeechContext } from "../i18n/useText";

import styles from "./Centre.module.css";

/** The last resort: a defect of the page. Nothing is lost by it, since the server has all of it. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  static override contextType = SpeechContext;
  declare context: React.ContextType<typeof SpeechContext>;
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    const { text: t } = this.context;
    return (
      <main className={styles.centre}>
        <div className={styles.card} role="alert">
          <h1 className={styles.title}>{t("defect.title")}</h1>
          <p className={styles.lead}>{t("defect.text")}</p>
          <button type="button" className="button primary" onClick={() => location.reload()}>
            {t("reload")}
          </button>
        </div>
      </main>
    );
  }
}
