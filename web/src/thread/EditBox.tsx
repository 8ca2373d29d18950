import { type FormEvent, type KeyboardEvent, useState } from "react";

import { useText } from "../i18n/useText";
import { composing } from "./keys";
import { useAutosize } from "./useAutosize";

import styles from "./EditBox.module.css";

interface Props {
  text: string;
  label: string;
  /** What saving does, in a word. */
  action: string;
  onSave: (text: string) => void;
  onCancel: () => void;
}

/** Changes a text in its place: Enter saves, Escape leaves it as it was. */
export function EditBox({ text, label, action, onSave, onCancel }: Props) {
  const t = useText();
  const [draft, setDraft] = useState(text);
  const area = useAutosize(draft);

  const save = (event: FormEvent) => {
    event.preventDefault();
    if (draft.trim()) onSave(draft);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (composing(event)) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      onCancel();
    } else if (event.key === "Enter" && !event.shiftKey) {
      save(event);
    }
  };

  return (
    <form className={styles.box} onSubmit={save}>
      <textarea
        ref={area}
        className={styles.area}
        aria-label={label}
        value={draft}
        dir="auto"
        rows={1}
        autoFocus
        onFocus={(event) => event.target.setSelectionRange(draft.length, draft.length)}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className={styles.buttons}>
        <button type="button" className="button" onClick={onCancel}>
          {t("cancel")}
        </button>
        <button type="submit" className="button primary" disabled={!draft.trim()}>
          {action}
        </button>
      </div>
    </form>
  );
}
