import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";

import type { Sessions } from "../../client";
import { useText } from "../i18n/useText";
import { Later } from "../later";
import { loadMarkdown } from "../markdown/LazyMarkdown";
import { whenIdle } from "../thread/idle";
import { forget } from "./archive";
import { pick, useBots } from "./bots";
import { Drawer } from "./Drawer";
import { Header } from "./Header";
import { remember, remembered } from "./memory";
import { OpenChat } from "./OpenChat";
import { Sidebar } from "./Sidebar";
import type { Task } from "./tasks";
import { Toast } from "./Toast";
import { Unknown } from "./Unknown";
import { useExport } from "./useExport";
import { useWide } from "./useMedia";
import { useProblem } from "./problems";
import { useSessions } from "./useSessions";
import { useShortcuts } from "./useShortcuts";
import { Welcome } from "./Welcome";

import styles from "./App.module.css";

const dialogs = new Later(() => import("./dialogs/TaskDialog"));
const TaskDialog = lazy(() => dialogs.start().then((module) => ({ default: module.TaskDialog })));

export function App({ sessions }: { sessions: Sessions }) {
  const t = useText();
  const say = useProblem();
  const wide = useWide();
  const { list, current, unknown, open, create } = useSessions(sessions);
  const bots = useBots();
  const [beside, setBeside] = useState(() => remembered("sidebar") !== "hidden");
  const [drawer, setDrawer] = useState(false);
  const [task, setTask] = useState<Task | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const exportChat = useExport(setProblem);

  // not part of the first load, but there before they are needed
  useEffect(
    () =>
      whenIdle(() => {
        loadMarkdown();
        void dialogs.start();
      }),
    [],
  );

  const showList = useCallback(
    (shown: boolean) => {
      if (wide) {
        setBeside(shown);
        remember("sidebar", shown ? null : "hidden");
      } else {
        setDrawer(shown);
      }
    },
    [wide],
  );
  const onTask = useCallback(
    (wanted: Task) => {
      if (wanted.kind === "export") exportChat(wanted.session, wanted.format);
      else setTask(wanted);
    },
    [exportChat],
  );
  const onOpen = useCallback(
    (id: string) => {
      setDrawer(false);
      open(id);
    },
    [open],
  );
  const onNew = useCallback(
    (bot = remembered("bot")) => {
      setDrawer(false);
      const name = remembered("name");
      if (name) create(name, pick(bots, bot)).catch((error: unknown) => setProblem(say(error)));
      else open(null);
    },
    [bots, create, open, say],
  );

  useShortcuts({
    KeyN: () => onNew(),
    KeyK: () => {
      flushSync(() => showList(true));
      searchField.current?.focus();
    },
    Slash: () => setTask({ kind: "shortcuts" }),
  });

  if (!list.length && !unknown) return <Welcome onStart={create} />;

  const sidebar = (
    <Sidebar
      list={list}
      currentId={current?.id}
      searchField={searchField}
      onOpen={onOpen}
      onNew={onNew}
      onTask={onTask}
      onHide={() => showList(false)}
    />
  );
  return (
    <div className={styles.app} data-beside={(wide && beside) || undefined}>
      {wide && beside && <aside className={styles.aside} aria-label={t("chats")}>{sidebar}</aside>}
      {!wide && drawer && <Drawer onClose={() => setDrawer(false)}>{sidebar}</Drawer>}
      <div className={styles.stage}>
        {current ? (
          <OpenChat
            key={current.id}
            session={current}
            sessions={sessions}
            onNew={() => onNew(current.bot)}
            header={(status) => (
              <Header
                session={current}
                status={status}
                onMenu={wide && beside ? null : () => showList(true)}
                wide={wide}
                onTask={onTask}
              />
            )}
          />
        ) : (
          <Unknown onNew={() => onNew()} />
        )}
      </div>
      {task && task.kind !== "export" && (
        <Suspense>
          <TaskDialog
            task={task}
            onClose={() => setTask(null)}
            onProblem={setProblem}
            sessions={sessions}
            onDeleted={(id) => {
              sessions.remove(id);
              void forget(id);
              if (id === current?.id) open(null);
            }}
          />
        </Suspense>
      )}
      <Toast text={problem} onClose={() => setProblem(null)} />
    </div>
  );
}
