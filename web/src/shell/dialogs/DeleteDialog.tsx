import { useState } from "react";

import { deleteSession, type SavedSession } from "../../../client";
import { useText } from "../../i18n/useText";
import { Dialog, first } from "../Dialog";
import { useProblem } from "../problems";

import styles from "./dialogs.module.css";

interface Props {
  session: SavedSession;
  onClose: () => void;
  onProblem: (text: string) => void;
  onDeleted: (id: string) => void;
}

/** Asks once more; then the chat is gone for everybody. */
export function DeleteDialog({ session, onClose, onProblem, onDeleted }: Props) {
  const t = useText();
  const say = useProblem();
  const [busy, setBusy] = useState(false);

  const remove = () => {
    if (busy) return;
    setBusy(true);
    deleteSession(session)
      .then(
        () => onDeleted(session.id),
        (error: unknown) => onProblem(say(error)),
      )
      .finally(onClose);
  };

  return (
    <Dialog title={t("delete.title")} onClose={onClose}>
      <p dir="auto">{t("delete.text", { title: session.name || t("chat.untitled") })}</p>
      <div className={styles.buttons}>
        <button ref={first} type="button" className="button" onClick={onClose}>
          {t("cancel")}
        </button>
        <button type="button" className="button danger" onClick={remove} aria-disabled={busy}>
          {t("delete")}
        </button>
      </div>
    </Dialog>
  );
}
