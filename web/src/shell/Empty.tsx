import type { Bot } from "../../client";
import { useText } from "../i18n/useText";
import { Mark } from "./Mark";

import styles from "./Empty.module.css";

interface Props {
  name: string;
  /** Who answers; it may have words of its own. */
  bot: Bot | undefined;
  onPick: (text: string) => void;
  live: boolean;
}

/** A chat in which nothing was said yet. */
export function Empty({ name, bot, onPick, live }: Props) {
  const t = useText();
  const own = bot?.welcome || bot?.prompts.length ? bot : null;
  const ideas = own?.prompts ?? [t("idea.explain"), t("idea.plan"), t("idea.write")];
  return (
    <div className={styles.empty}>
      <div className={styles.inside}>
        <Mark />
        <p className={styles.hello} dir="auto">
          {name ? t("empty.hello", { name }) : t("empty.hi")}
        </p>
        <p className={styles.promise} dir="auto">
          {own?.welcome || t("empty.promise")}
        </p>
        {live && ideas.length > 0 && (
          <ul className={styles.ideas} aria-label={t("empty.ideas")}>
            {ideas.map((idea) => (
              <li key={idea}>
                <button type="button" className={styles.idea} dir="auto" onClick={() => onPick(idea)}>
                  {idea}
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
