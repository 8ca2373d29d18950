import type { Asked, Reply } from "../../client/state";
import { useText } from "../i18n/useText";
import { LazyMarkdown } from "../markdown/LazyMarkdown";
import { Mark } from "../shell/Mark";
import { Safe } from "../shell/Safe";
import { Actions, type Versions } from "./Actions";
import { Choices } from "./Choices";
import { Failed } from "./Failed";
import { Files } from "./Files";
import { isForReaders, Parts } from "./Parts";
import { Sources } from "./Sources";

import styles from "./Answer.module.css";

interface Props {
  /** Null until the first attempt begins. */
  reply: Reply | null;
  /** Whether it ended with a question that can be answered now. */
  asks: boolean;
  /** How its question was answered. */
  answer: string | null;
  /** What the reader asked for and the server did not confirm yet. */
  asked: Asked | null;
  /** Asks for another answer; null where that is not possible. */
  onAgain: (() => void) | null;
  versions: Versions | null;
  /** The last answer shows its buttons without being asked. */
  last: boolean;
}

/** The answer to a message, while it comes and afterwards. */
export function Answer({ reply, asks, answer, asked, onAgain, versions, last }: Props) {
  const t = useText();
  const running = reply === null || reply.status === "running";
  const text = reply?.text ?? "";
  return (
    <article className={styles.answer} data-status={reply?.status ?? "running"} data-last={last || undefined} aria-busy={running}>
      <h2 className="unseen">{t("answer.said")}</h2>
      <span className={styles.mark}>
        <Mark running={running} />
      </span>
      <div className={styles.body}>
        {reply && <Parts parts={reply.parts} running={running} answering={text !== ""} />}
        {text !== "" && (
          <Safe text={text}>
            <LazyMarkdown text={text} streaming={running} />
          </Safe>
        )}
        {running && text === "" && !reply?.parts.some(isForReaders) && <p className={styles.wait}>{t("answer.wait")}</p>}
        {running && (reply?.attempt ?? 1) > 1 && <p className={styles.note}>{t("answer.attempt")}</p>}
        {running && asked?.type === "reply.cancel" && <p className={styles.note}>{t("answer.stopping")}</p>}
        {reply && <Files parts={reply.parts} />}
        {reply && <Sources parts={reply.parts} />}
        {reply && <Choices reply={reply} open={asks} answer={answer} />}
        {reply?.status === "cancelled" && <p className={styles.stopped}>{t("answer.stopped")}</p>}
        {reply?.status === "failed" && <Failed error={reply.error} onAgain={onAgain} />}
        {reply && !running && <Actions reply={reply} rated={asked?.type === "message.feedback" ? asked.value : reply.feedback} onAgain={onAgain} versions={versions} />}
      </div>
    </article>
  );
}
