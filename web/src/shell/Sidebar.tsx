import { type Ref, useDeferredValue, useMemo, useState } from "react";

import type { SavedSession } from "../../client";
import { useText } from "../i18n/useText";
import { KeyboardIcon, PanelIcon, PlusIcon, SearchIcon, SunIcon } from "./icons";
import { Mark } from "./Mark";
import { search } from "./search";
import { SessionRow } from "./SessionRow";
import type { Task } from "./tasks";

import styles from "./Sidebar.module.css";

interface Props {
  list: readonly SavedSession[];
  currentId: string | undefined;
  searchField: Ref<HTMLInputElement>;
  onOpen: (id: string) => void;
  onNew: () => void;
  onTask: (task: Task) => void;
  onHide: () => void;
}

/** The chats of this browser. */
export function Sidebar({ list, currentId, searchField, onOpen, onNew, onTask, onHide }: Props) {
  const t = useText();
  const [query, setQuery] = useState("");
  const wanted = useDeferredValue(query);
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
      <button type="button" className={styles.new} onClick={onNew} aria-keyshortcuts="Alt+N">
        <PlusIcon />
        {t("chat.new")}
      </button>
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
