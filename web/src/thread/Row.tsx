import { memo, useState } from "react";

import type { Entry } from "../../client/view";
import { Answer } from "./Answer";
import { useThread } from "./context";
import { Question } from "./Question";

import styles from "./Thread.module.css";

interface Props {
  entry: Entry;
  /** The last row can be edited and answered again. */
  last: boolean;
}

/** A message and its answer; of several versions the newest, or the one that the reader goes to. */
export const Row = memo(({ entry, last }: Props) => {
  const { chat } = useThread();
  const [chosen, setChosen] = useState<{ of: number; index: number } | null>(null);
  const count = entry.versions.length;
  // a new version is always shown at once
  const index = chosen?.of === count ? chosen.index : count - 1;
  const older = index < count - 1 ? entry.versions[index] : undefined;
  const reply = older ? older.reply : entry.reply;
  const text = older ? older.message.msg : entry.text;

  const send = (changed: string) => {
    if (entry.step === "running") chat.stop(entry.id);
    chat.send(changed, { replaces: entry.id });
  };
  // the same answer once more would be a message of its own, to which nobody asked a question
  const changeable = last && !older && entry.turn !== null && !entry.turn.message.answers;

  return (
    <div className={styles.row}>
      <Question entry={entry} text={text} onEdit={changeable ? send : null} last={last} />
      {(reply || entry.step === "running") && (
        <Answer
          reply={reply}
          asks={!older && entry.asks}
          answer={older ? null : entry.answer}
          asked={(older ?? entry.turn)?.asked ?? null}
          onAgain={changeable && entry.step === "answered" ? () => send(entry.text) : null}
          versions={count > 1 ? { index, count, go: (to) => setChosen({ of: count, index: to }) } : null}
          last={last}
        />
      )}
    </div>
  );
});
