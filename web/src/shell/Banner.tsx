import { useEffect, useState } from "react";

import type { Chat, Connection, Notice } from "../../client";
import { useText } from "../i18n/useText";
import { CloseIcon } from "./icons";
import { Countdown } from "../thread/Countdown";

import styles from "./Banner.module.css";

/** A loss that heals sooner is not worth a word, in milliseconds. */
const PATIENCE = 1500;

/** Whether something has been so for a while. */
function useLasting(value: boolean): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!value) {
      setLasting(false);
      return;
    }
    const timer = setTimeout(() => setLasting(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [value]);
  return value && lasting;
}

interface Props {
  chat: Chat;
  connection: Connection;
  notice: Notice | null;
}

/** What the reader should know about the connection, or about something that was refused. Calm: nothing is lost. */
export function Banner({ chat, connection, notice }: Props) {
  const t = useText();
  const { status, retryAt } = connection;
  const away = useLasting(status === "reconnecting" || (status === "connecting" && connection.attempt > 0));

  return (
    <div className={styles.banners}>
      {(status === "offline" || away) && (
        <p className={styles.banner} data-kind="away">
          <span>
            <span role="status">{status === "offline" ? t("banner.offline") : t("banner.reconnecting")}</span>
            {status !== "offline" && retryAt !== null && retryAt - Date.now() > 2000 && (
              <span className={styles.when}>
                <Countdown until={retryAt} say={(count) => t("banner.retry", { count })} />
              </span>
            )}
          </span>
          {status !== "offline" && (
            <button type="button" className="link" onClick={() => chat.reconnect()}>
              {t("banner.now")}
            </button>
          )}
        </p>
      )}
      {notice && (
        <p className={styles.banner} data-kind="notice" role="alert">
          <span>
            {notice.code === "not_waiting" ? t("notice.late") : notice.message}
            {notice.reference && <span className={styles.when}>{t("reference", { reference: notice.reference })}</span>}
          </span>
          <button type="button" className="quiet" onClick={() => chat.dismiss()} aria-label={t("dismiss")}>
            <CloseIcon />
          </button>
        </p>
      )}
    </div>
  );
}
