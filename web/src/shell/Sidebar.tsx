import { type Ref, useDeferredValue, useMemo, useState } from "react";

import type { SavedSession } from "../../client";
import { useText } from "../i18n/useText";
import { botOf, useBots } from "./bots";
import { KeyboardIcon, PanelIcon, PlusIcon, SearchIcon, SunIcon } from "./icons";
import { Mark } from "./Mark";
import { NewChat } from "./NewChat";
import { search } from "./search";
import { SessionRow } from "./SessionRow";
import type { Task } from "./tasks";

import styles from "./Sidebar.module.css";

interface Props {
  list: readonly SavedSession[];
  currentId: string | undefined;
  searchField: Ref<HTMLInputElement>;
  onOpen: (id: string) => void;
  onNew: (bot?: string) => void;
  onTask: (task: Task) => void;
  onHide: () => void;
}

/** The chats of this browser. */
export function Sidebar({ list, currentId, searchField, onOpen, onNew, onTask, onHide }: Props) {
  const t = useText();
  const [query, setQuery] = useState("");
  const wanted = useDeferredValue(query);
  const bots = useBots() ?? [];
  const found = useMemo(() => search(list, wanted), [list, wanted]);
  return (
    <div className={styles.sidebar}>
      <div className={styles.brand}>
        <Mark />
        <span className={styles.name}>Unbroken</span>
        <button type="button" className="quiet" onClick={onHide} aria-label={t("chats.hide")} title={t("chats.hide")}>
          <PanelIcon />
        </button>
      </div>
      <NewChat className={styles.new} onNew={onNew}>
        <PlusIcon />
        {t("chat.new")}
      </NewChat>
      <label className={styles.search}>
        <SearchIcon />
        <span className="unseen">{t("search")}</span>
        <input
          ref={searchField}
          type="search"
          value={query}
          placeholder={t("search")}
          aria-keyshortcuts="Alt+K"
          autoComplete="off"
          onChange={(event) => setQuery(event.target.value)}
        />
      </label>
      <nav className={styles.list} aria-label={t("chats")}>
        <ul>
          {found.map((session) => (
            <SessionRow
              key={session.id}
              session={session}
              bot={bots.length > 1 ? botOf(bots, session.bot)?.title : undefined}
              current={session.id === currentId}
              onOpen={onOpen}
              onTask={onTask}
            />
          ))}
        </ul>
        {wanted !== "" && <p className={found.length ? "unseen" : styles.none} role="status">{t("search.found", { count: found.length })}</p>}
      </nav>
      <div className={styles.foot}>
        <button type="button" className={styles.tool} onClick={() => onTask({ kind: "settings" })}>
          <SunIcon />
          {t("settings")}
        </button>
        <button type="button" className="quiet" onClick={() => onTask({ kind: "shortcuts" })} aria-label={t("shortcuts")} title={t("shortcuts")}>
          <KeyboardIcon />
        </button>
      </div>
    </div>
  );
}
