/** Choosing among several bots: on the first visit, and for another chat. */
import type { ReactNode } from "react";

import type { Bot } from "../../client";
import { useText } from "../i18n/useText";
import { CheckIcon } from "./icons";
import { remembered } from "./memory";
import { Menu, MenuItem } from "./Menu";

import styles from "./several.module.css";

interface ChoiceProps {
  bots: readonly Bot[];
  /** By its name. */
  chosen: string;
  onChoose: (name: string) => void;
}

/** Who is to answer, as cards. */
export function BotChoice({ bots, chosen, onChoose }: ChoiceProps) {
  const t = useText();
  return (
    <fieldset className={styles.bots}>
      <legend>{t("welcome.bot")}</legend>
      <div className={styles.cards}>
        {bots.map(({ name, title, welcome }) => (
          <label key={name} className={styles.card}>
            <input type="radio" name="bot" value={name} checked={name === chosen} onChange={() => onChoose(name)} />
            <span className={styles.title} dir="auto">
              {title}
            </span>
            {welcome && (
              <span className={styles.about} dir="auto">
                {welcome}
              </span>
            )}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface MenuProps {
  bots: readonly Bot[];
  className: string | undefined;
  onNew: (bot: string) => void;
  /** What the button shows. */
  children: ReactNode;
}

/** A button that begins a chat with the bot that is chosen behind it; the last choice is the first to press. */
export function BotMenu({ bots, className, onNew, children }: MenuProps) {
  const t = useText();
  const last = remembered("bot") ?? bots[0]?.name;
  return (
    <Menu label={t("chat.new")} icon={children} className={className}>
      {bots.map(({ name, title, welcome }) => (
        <MenuItem key={name} icon={<CheckIcon />} current={name === last} onClick={() => onNew(name)}>
          <span className={styles.item}>
            <span dir="auto">{title}</span>
            {welcome && (
              <span className={styles.line} dir="auto">
                {welcome}
              </span>
            )}
          </span>
        </MenuItem>
      ))}
    </Menu>
  );
}
