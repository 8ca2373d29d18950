import { useEffect } from "react";

import { useText } from "../i18n/useText";
import { CloseIcon } from "./icons";

import styles from "./Toast.module.css";

const SHOWN = 10_000;

/** A sentence about something that did not work; it leaves by itself. */
export function Toast({ text, onClose }: { text: string | null; onClose: () => void }) {
  const t = useText();
  useEffect(() => {
    if (text === null) return;
    const timer = setTimeout(onClose, SHOWN);
    return () => clearTimeout(timer);
  }, [text, onClose]);

  return (
    <div className={styles.corner} role="alert">
      {text !== null && (
        <p className={styles.toast}>
          {text}
          <button type="button" className="quiet" onClick={onClose} aria-label={t("dismiss")}>
            <CloseIcon />
          </button>
        </p>
      )}
    </div>
  );
}
