import type { Reply } from "../../client/state";
import { useText } from "../i18n/useText";
import { CheckIcon } from "../shell/icons";
import { useThread } from "./context";

import styles from "./Choices.module.css";

/** For comparing as the server does: without case, and without blanks around. */
const plain = (text: string): string => text.trim().toLowerCase();

interface Props {
  reply: Reply;
  /** The next message answers it. */
  open: boolean;
  answer: string | null;
}

/** What a reply that ended with a question offers as answers: buttons while it is open, then what was chosen. */
export function Choices({ reply, open, answer }: Props) {
  const t = useText();
  const { live, answer: send } = useThread();
  const question = reply.parts.at(-1);
  if (reply.status !== "completed" || question?.type !== "question" || !question.options?.length) return null;
  return (
    <ul className={styles.choices} aria-label={t("choices")}>
      {question.options.map((option, index) => {
        if (open && live) {
          return (
            <li key={index}>
              <button type="button" className={styles.choice} dir="auto" onClick={() => send(option, reply.id)}>
                {option}
              </button>
            </li>
          );
        }
        const chosen = answer !== null && plain(option) === plain(answer);
        return (
          <li key={index} className={styles.past} data-chosen={chosen || undefined}>
            {chosen && <CheckIcon />}
            {chosen && <span className="unseen">{t("choices.chosen")}</span>}
            <span dir="auto">{option}</span>
          </li>
        );
      })}
    </ul>
  );
}
