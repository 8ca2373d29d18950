import { useCallback, useEffect, useState } from "react";

import type { Sessions } from "../../client";
import { tellHost } from "../../widget/messages";
import { useText } from "../i18n/useText";
import { linkTo } from "../shell/address";
import { botOf, pick, useBots } from "../shell/bots";
import { Connection } from "../shell/Connection";
import { CloseIcon, OpenIcon, PlusIcon } from "../shell/icons";
import { Mark } from "../shell/Mark";
import { remembered } from "../shell/memory";
import { NewChat } from "../shell/NewChat";
import { OpenChat } from "../shell/OpenChat";
import { useProblem } from "../shell/problems";
import { Toast } from "../shell/Toast";
import { useSessions } from "../shell/useSessions";
import { Welcome } from "../shell/Welcome";

import styles from "./WidgetApp.module.css";

/** Which bot the page around asks for; null: the reader may choose. */
const wanted = new URLSearchParams(location.search).get("bot");
const framed = window.parent !== window;
const close = (): void => tellHost({ type: "unbroken.close" });
const news = (): void => tellHost({ type: "unbroken.news" });

/** The chat in a frame on somebody else's page: one conversation, no list of them. */
export function WidgetApp({ sessions }: { sessions: Sessions }) {
  const t = useText();
  const say = useProblem();
  const { current, create } = useSessions(sessions, wanted);
  const bots = useBots();
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) close();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);

  const onNew = useCallback(
    (bot = remembered("bot")) => {
      const name = remembered("name") ?? t("widget.title");
      create(name, wanted ?? pick(bots, bot)).catch((error: unknown) => setProblem(say(error)));
    },
    [bots, create, say, t],
  );

  const closeButton = framed && (
    <button type="button" className="quiet" onClick={close} aria-label={t("widget.close")} title={t("widget.close")}>
      <CloseIcon />
    </button>
  );

  if (!current) {
    return (
      <div className={styles.stage}>
        <div className={styles.corner}>{closeButton}</div>
        <Welcome onStart={create} bot={wanted} compact />
      </div>
    );
  }
  return (
    <div className={styles.stage}>
      <OpenChat
        key={current.id}
        session={current}
        sessions={sessions}
        onNew={() => onNew(current.bot)}
        onAnswered={news}
        header={(status) => (
          <header className={styles.header}>
            <Mark />
            <h1 className={styles.title}>{botOf(bots ?? [], current.bot)?.title || t("widget.title")}</h1>
            <Connection status={status} />
            <NewChat className="quiet" fixed={wanted !== null} onNew={onNew}>
              <PlusIcon />
            </NewChat>
            <a className="quiet" href={linkTo(current).replace(/\/widget(\.html)?(\?[^#]*)?(?=#)/, "/")} target="_blank" rel="noopener noreferrer" aria-label={t("widget.open")} title={t("widget.open")}>
              <OpenIcon />
            </a>
            {closeButton}
          </header>
        )}
      />
      <Toast text={problem} onClose={() => setProblem(null)} />
    </div>
  );
}
