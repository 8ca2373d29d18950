import { useState } from "react";

import type { Entry } from "../../client/view";
import { useText } from "../i18n/useText";
import { CopyButton } from "../shell/CopyButton";
import { EditIcon } from "../shell/icons";
import { useThread } from "./context";
import { EditBox } from "./EditBox";
import { Step } from "./Step";

import styles from "./Question.module.css";

/** Longer ones are folded: the answer is what one comes back for. */
const LONG = { characters: 1200, lines: 16 };

interface Props {
  entry: Entry;
  text: string;
  /** Sends a changed text in its place; null where that is not possible. */
  onEdit: ((text: string) => void) | null;
  /** The last message shows its buttons also where nothing can hover. */
  last: boolean;
}

/** What the reader wrote: as typed, never as Markdown. */
export function Question({ entry, text, onEdit, last }: Props) {
  const t = useText();
  const { live } = useThread();
  const [editing, setEditing] = useState(false);
  const [whole, setWhole] = useState(false);
  const long = text.length > LONG.characters || text.split("\n").length > LONG.lines;

  return (
    <article className={styles.question} data-last={last || undefined}>
      <h2 className="unseen">{t("you.said")}</h2>
      {editing && onEdit ? (
        <EditBox
          text={text}
          label={t("edit")}
          action={t("send")}
          onCancel={() => setEditing(false)}
          onSave={(changed) => {
            setEditing(false);
            onEdit(changed);
          }}
        />
      ) : (
        <>
          <div className={styles.bubble} data-step={entry.pending?.error?.code === "not_waiting" ? "waiting" : entry.step}>
            <p className={long && !whole ? styles.folded : styles.text} dir="auto">
              {text}
            </p>
            {long && (
              <button type="button" className={styles.more} aria-expanded={whole} onClick={() => setWhole(!whole)}>
                {whole ? t("less") : t("more")}
              </button>
            )}
          </div>
          <div className={styles.below}>
            <Step entry={entry} />
            {(entry.turn || entry.step === "refused") && (
              <span className={styles.actions}>
                <CopyButton text={text} label={t("message.copy")} />
                {onEdit && live && (
                  <button type="button" className="quiet" aria-label={t("message.edit")} title={t("message.edit")} onClick={() => setEditing(true)}>
                    <EditIcon />
                  </button>
                )}
              </span>
            )}
          </div>
        </>
      )}
    </article>
  );
}
