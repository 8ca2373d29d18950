import type { Reply } from "../../client/state";
import type { Feedback } from "../../client/protocol";
import { locale } from "../i18n/languages";
import { useSpeech } from "../i18n/useText";
import { CopyButton } from "../shell/CopyButton";
import { AgainIcon, DownIcon, NextIcon, PreviousIcon, UpIcon } from "../shell/icons";
import { useThread } from "./context";
import { usage } from "./usage";

import styles from "./Actions.module.css";

/** Which of several versions of an answer is shown. */
export interface Versions {
  readonly index: number;
  readonly count: number;
  readonly go: (index: number) => void;
}

interface Props {
  reply: Reply;
  /** What the reader thought of it, also if the server did not confirm that yet. */
  rated: Feedback | null;
  onAgain: (() => void) | null;
  versions: Versions | null;
}

function VersionButtons({ index, count, go }: Versions) {
  const { text: t } = useSpeech();
  return (
    <span className={styles.versions} role="group" aria-label={t("versions")}>
      <button type="button" className="quiet" disabled={index === 0} onClick={() => go(index - 1)} aria-label={t("versions.previous")}>
        <PreviousIcon />
      </button>
      <span className={styles.count}>{t("versions.count", { index: index + 1, total: count })}</span>
      <button type="button" className="quiet" disabled={index === count - 1} onClick={() => go(index + 1)} aria-label={t("versions.next")}>
        <NextIcon />
      </button>
    </span>
  );
}

/** What can be done with an answer. */
export function Actions({ reply, rated, onAgain, versions }: Props) {
  const { text: t, language } = useSpeech();
  const { chat, live } = useThread();
  const tokens = usage(reply.parts);
  const rate = (value: Feedback) => chat.feedback(reply.id, rated === value ? null : value);
  return (
    <div className={styles.actions} role="group" aria-label={t("answer.actions")}>
      {versions && <VersionButtons {...versions} />}
      {reply.text !== "" && <CopyButton text={reply.text} label={t("answer.copy")} />}
      {live && reply.status === "completed" && (
        <>
          <button type="button" className="quiet" aria-pressed={rated === "up"} aria-label={t("answer.up")} title={t("answer.up")} onClick={() => rate("up")}>
            <UpIcon />
          </button>
          <button type="button" className="quiet" aria-pressed={rated === "down"} aria-label={t("answer.down")} title={t("answer.down")} onClick={() => rate("down")}>
            <DownIcon />
          </button>
        </>
      )}
      {live && onAgain && reply.status !== "failed" && (
        <button type="button" className="quiet" aria-label={t("answer.again")} title={t("answer.again")} onClick={onAgain}>
          <AgainIcon />
        </button>
      )}
      {reply.timestamp && (
        <time className={styles.time} dateTime={reply.timestamp}>
          {new Date(reply.timestamp).toLocaleTimeString(locale(language), { hour: "2-digit", minute: "2-digit" })}
        </time>
      )}
      {tokens && <span className={styles.usage}>{t("usage", tokens)}</span>}
    </div>
  );
}
