import { memo } from "react";

import type { SavedSession } from "../../client";
import { locale, type Language } from "../i18n/languages";
import { useSpeech } from "../i18n/useText";
import { EditIcon, MoreIcon, ShareIcon, TrashIcon } from "./icons";
import { Menu, MenuItem } from "./Menu";
import type { Task } from "./tasks";

import styles from "./Sidebar.module.css";

const DAY = 86_400_000;

/** When a chat was used last: the time today, the weekday this week, the date before that. */
function when(time: number, language: Language): string {
  const age = Date.now() - time;
  const date = new Date(time);
  if (age < DAY && date.getDate() === new Date().getDate()) return date.toLocaleTimeString(locale(language), { hour: "2-digit", minute: "2-digit" });
  if (age < 6 * DAY) return date.toLocaleDateString(locale(language), { weekday: "short" });
  return date.toLocaleDateString(locale(language), { day: "numeric", month: "short" });
}

/** Markdown reads badly in a line of its own. */
const snippet = (text: string): string => text.replace(/[#*_`>|~]+/g, "").replace(/\s+/g, " ").trim();

interface Props {
  session: SavedSession;
  /** Who answers, where there are several. */
  bot: string | undefined;
  current: boolean;
  onOpen: (id: string) => void;
  onTask: (task: Task) => void;
}

export const SessionRow = memo(({ session, bot, current, onOpen, onTask }: Props) => {
  const { text: t, language } = useSpeech();
  const title = session.name || t("chat.untitled");
  return (
    <li className={styles.row}>
      <button type="button" className={styles.open} aria-current={current ? "page" : undefined} onClick={() => onOpen(session.id)}>
        <span className={styles.title} dir="auto">
          {title}
        </span>
        <time className={styles.when} dateTime={new Date(session.updatedAt).toISOString()}>
          {when(session.updatedAt, language)}
        </time>
        <span className={styles.last} dir="auto">
          {bot && <span className={styles.bot}>{bot}</span>}
          {snippet(session.lastText) || t("chat.nothing")}
        </span>
      </button>
      <Menu label={t("chat.menu.of", { title })} icon={<MoreIcon />} className={styles.more}>
        <MenuItem icon={<EditIcon />} onClick={() => onTask({ kind: "rename", session })}>
          {t("rename")}
        </MenuItem>
        <MenuItem icon={<ShareIcon />} onClick={() => onTask({ kind: "share", session })}>
          {t("share")}
        </MenuItem>
        <MenuItem icon={<TrashIcon />} danger onClick={() => onTask({ kind: "delete", session })}>
          {t("delete")}
        </MenuItem>
      </Menu>
    </li>
  );
});
