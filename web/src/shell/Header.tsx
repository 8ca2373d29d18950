import type { Connection as State, SavedSession } from "../../client";
import { useText } from "../i18n/useText";
import { botOf, useBots } from "./bots";
import { Connection } from "./Connection";
import { EditIcon, ExportIcon, MenuIcon, MoreIcon, PanelIcon, ShareIcon, TrashIcon } from "./icons";
import { Menu, MenuItem } from "./Menu";
import type { Task } from "./tasks";

import styles from "./Header.module.css";

interface Props {
  session: SavedSession;
  status: State["status"];
  /** Opens the list of chats; null where it is open already. */
  onMenu: (() => void) | null;
  wide: boolean;
  onTask: (task: Task) => void;
}

/** Which chat this is, how it is connected, and what can be done with it. */
export function Header({ session, status, onMenu, wide, onTask }: Props) {
  const t = useText();
  const bot = botOf(useBots() ?? [], session.bot)?.title;
  const live = status !== "gone";
  return (
    <header className={styles.header}>
      {onMenu && (
        <button type="button" className="quiet" onClick={onMenu} aria-label={t("chats.show")} title={t("chats.show")}>
          {wide ? <PanelIcon /> : <MenuIcon />}
        </button>
      )}
      <div className={styles.names}>
        <h1 className={styles.title} dir="auto">
          {session.name || t("chat.untitled")}
        </h1>
        {bot && (
          <span className={styles.bot} dir="auto">
            {bot}
          </span>
        )}
      </div>
      <Connection status={status} />
      {live && (
        <button type="button" className="quiet" onClick={() => onTask({ kind: "share", session })} aria-label={t("share")} title={t("share")}>
          <ShareIcon />
        </button>
      )}
      <Menu label={t("chat.menu")} icon={<MoreIcon />}>
        {live && (
          <>
            <MenuItem icon={<EditIcon />} onClick={() => onTask({ kind: "rename", session })}>
              {t("rename")}
            </MenuItem>
            <MenuItem icon={<ExportIcon />} onClick={() => onTask({ kind: "export", session, format: "markdown" })}>
              {t("export.markdown")}
            </MenuItem>
            <MenuItem icon={<ExportIcon />} onClick={() => onTask({ kind: "export", session, format: "json" })}>
              {t("export.json")}
            </MenuItem>
          </>
        )}
        <MenuItem icon={<TrashIcon />} danger onClick={() => onTask({ kind: "delete", session })}>
          {t("delete")}
        </MenuItem>
      </Menu>
    </header>
  );
}
