import { type ReactNode, useEffect, useId, useRef } from "react";

import { useText } from "../i18n/useText";
import { CloseIcon } from "./icons";

import styles from "./Dialog.module.css";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/**
 * Ref of what has the focus when a dialog opens. `autoFocus` would come too early: nothing in a closed dialog can have the
 * focus, and `showModal` only looks for the attribute.
 */
export function first(element: HTMLElement | null): void {
  element?.toggleAttribute("autofocus", true);
}

/** A modal dialog: the browser keeps the focus inside, Escape and a click beside it close it, and the focus returns. */
export function Dialog({ title, onClose, children }: Props) {
  const t = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);

  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className={styles.inside}>
        <header className={styles.head}>
          <h2 id={id}>{title}</h2>
          <button type="button" className="quiet" onClick={onClose} aria-label={t("close")}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
