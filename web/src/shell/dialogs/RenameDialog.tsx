import { type FormEvent, useId, useState } from "react";

import { renameSession, type SavedSession, type Sessions } from "../../../client";
import { useText } from "../../i18n/useText";
import { Dialog, first } from "../Dialog";
import { useProblem } from "../problems";

import styles from "./dialogs.module.css";

interface Props {
  session: SavedSession;
  sessions: Sessions;
  onClose: () => void;
  onProblem: (text: string) => void;
}

export function RenameDialog({ session, sessions, onClose, onProblem }: Props) {
  const t = useText();
  const say = useProblem();
  const [name, setName] = useState(session.name);
  const field = useId();

  const save = (event: FormEvent) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted) return;
    onClose();
    renameSession(session, wanted).then(
      () => sessions.update(session.id, { name: wanted }),
      (error: unknown) => onProblem(say(error)),
    );
  };

  return (
    <Dialog title={t("rename.title")} onClose={onClose}>
      <form className={styles.form} onSubmit={save}>
        <label htmlFor={field}>{t("rename.label")}</label>
        <input
          ref={first}
          id={field}
          className={styles.field}
          value={name}
          maxLength={100}
          dir="auto"
          onFocus={(event) => event.target.select()}
          onChange={(event) => setName(event.target.value)}
        />
        <div className={styles.buttons}>
          <button type="button" className="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" className="button primary" disabled={!name.trim()}>
            {t("save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
