import { type ReactNode, useEffect, useRef } from "react";

import { useText } from "../i18n/useText";

import styles from "./Drawer.module.css";

/** The list of chats where there is no room beside the chat: it slides over it, and a touch beside it closes it. */
export function Drawer({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  const t = useText();
  const drawer = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const element = drawer.current;
    element?.showModal();
    return () => element?.close();
  }, []);

  return (
    <dialog
      ref={drawer}
      className={styles.drawer}
      aria-label={t("chats")}
      onClose={onClose}
      onClick={(event) => event.target === event.currentTarget && onClose()}
    >
      {children}
    </dialog>
  );
}
