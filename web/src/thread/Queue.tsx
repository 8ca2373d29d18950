import { memo, useState } from "react";

import type { Entry } from "../../client/view";
import { useText } from "../i18n/useText";
import { CloseIcon, EditIcon, SendIcon } from "../shell/icons";
import { useThread } from "./context";
import { EditBox } from "./EditBox";
import { Step } from "./Step";

import styles from "./Queue.module.css";

interface ItemProps {
  entry: Entry;
  place: number;
  onWithdraw: (text: string) => void;
}

function Item({ entry, place, onWithdraw }: ItemProps) {
  const t = useText();
  const { chat, live } = useThread();
  const [editing, setEditing] = useState(false);

  if (editing) {
    return (
      <li className={styles.item}>
        <EditBox
          text={entry.text}
          label={t("queue.edit")}
          action={t("save")}
          onCancel={() => setEditing(false)}
          onSave={(changed) => {
            setEditing(false);
            chat.edit(entry.id, changed);
          }}
        />
      </li>
    );
  }
  return (
    <li className={styles.item}>
      <span className={styles.place} aria-hidden="true">
        {place}
      </span>
      <span className={styles.text}>
        <span className="unseen">{t("queue.place", { place })}</span>
        <span dir="auto">{entry.text}</span>
        <Step entry={entry} />
      </span>
      {live && (
        <span className={styles.actions}>
          {entry.turn && (
            <button type="button" className="quiet" aria-label={t("queue.now")} title={t("queue.now")} onClick={() => chat.sendNow(entry.id)}>
              <SendIcon />
            </button>
          )}
          <button type="button" className="quiet" aria-label={t("queue.edit")} title={t("queue.edit")} onClick={() => setEditing(true)}>
            <EditIcon />
          </button>
          <button
            type="button"
            className="quiet"
            aria-label={t("queue.withdraw")}
            title={t("queue.withdraw")}
            onClick={() => {
              chat.withdraw(entry.id);
              onWithdraw(entry.text);
            }}
          >
            <CloseIcon />
          </button>
        </span>
      )}
    </li>
  );
}

interface Props {
  entries: readonly Entry[];
  /** Given the text of a message that the reader took back. */
  onWithdraw: (text: string) => void;
}

/** Messages that wait for the answers before them, in their order. */
export const Queue = memo(({ entries, onWithdraw }: Props) => {
  const t = useText();
  if (!entries.length) return null;
  return (
    <section className={styles.queue} aria-label={t("queue")}>
      <p className={styles.title}>{t("queue.count", { count: entries.length })}</p>
      <ol className={styles.list}>
        {entries.map((entry, index) => (
          <Item key={entry.id} entry={entry} place={index + 1} onWithdraw={onWithdraw} />
        ))}
      </ol>
    </section>
  );
});
