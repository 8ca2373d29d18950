import { type ReactNode, useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";

import { type Chat, type ConnectionStatus, type SavedSession, type Sessions, thread } from "../../client";
import { useText } from "../i18n/useText";
import { Composer, type ComposerHandle } from "../thread/Composer";
import { ThreadContext } from "../thread/context";
import { Queue } from "../thread/Queue";
import { split } from "../thread/split";
import { Thread } from "../thread/Thread";
import { useAnnouncement } from "../thread/useAnnouncement";
import { useFollow } from "../thread/useFollow";
import { Banner } from "./Banner";
import { botOf, useBots } from "./bots";
import { Empty } from "./Empty";
import { Gone } from "./Gone";
import { useArchive } from "./useArchive";
import { useKeptTitle } from "./useKeptTitle";
import { useShortcuts } from "./useShortcuts";
import { useTypeAnywhere } from "./useTypeAnywhere";
import { useUnread } from "./useUnread";

import styles from "./ChatPage.module.css";

const canHover = (): boolean => matchMedia("(hover: hover)").matches;

interface Props {
  chat: Chat;
  session: SavedSession;
  sessions: Sessions;
  /** What stands above the conversation. */
  header: (status: ConnectionStatus) => ReactNode;
  onNew: () => void;
  /** Called when an answer is complete. */
  onAnswered?: (() => void) | undefined;
}

/** One open chat: the conversation, what waits, and where the reader writes. */
export function ChatPage({ chat, session, sessions, header, onNew, onAnswered }: Props) {
  const t = useText();
  const state = useArchive(session.id, useSyncExternalStore(chat.subscribe, chat.getSnapshot));
  const entries = thread(state);
  const { shown, waiting } = useMemo(() => split(entries), [entries]);
  const follow = useFollow();
  const composer = useRef<ComposerHandle>(null);
  const said = useAnnouncement(entries);
  const { status } = state.connection;
  const gone = status === "gone";
  const bots = useBots();

  const running = shown.find((entry) => entry.step === "running");
  const stopId = running && running.turn?.asked?.type !== "reply.cancel" ? running.id : null;
  const stop = useMemo(() => (stopId === null ? null : () => chat.stop(stopId)), [chat, stopId]);

  const { jump } = follow;
  const send = useCallback(
    (text: string) => {
      chat.send(text);
      jump();
    },
    [chat, jump],
  );
  const offer = useCallback((text: string) => composer.current?.offer(text), []);
  const focus = useCallback(() => composer.current?.focus(), []);
  const actions = useMemo(() => {
    const answer = (text: string, replyId: string) => {
      chat.send(text, { answers: replyId });
      jump();
      // the button that had the focus is gone
      if (canHover()) focus();
    };
    return { chat, live: !gone, answer };
  }, [chat, gone, jump, focus]);

  useKeptTitle(sessions, session.id, state);
  useUnread(session.name || state.session?.name || "", running !== undefined, onAnswered);
  useTypeAnywhere(focus);
  useShortcuts({ KeyJ: jump });
  useEffect(() => {
    // on glass the keyboard would cover half of the page before anybody asked for it
    if (canHover()) focus();
  }, [focus]);

  return (
    <ThreadContext value={actions}>
      {header(status)}
      <main className={styles.main}>
        {shown.length > 0 || !state.loaded ? (
          <Thread entries={shown} follow={follow} />
        ) : (
          bots && <Empty name={state.session?.name ?? ""} bot={botOf(bots, state.session?.bot)} onPick={send} live={!gone} />
        )}
        <div className={styles.foot}>
          <div className={styles.column}>
            <Banner chat={chat} connection={state.connection} notice={state.notice} />
            <Queue entries={waiting} onWithdraw={offer} />
            {gone ? (
              <Gone reason={state.connection.reason} entries={entries} onNew={onNew} />
            ) : (
              <Composer
                draft={sessions.draft(session.id)}
                onDraft={(text) => sessions.setDraft(session.id, text)}
                onSend={send}
                onStop={stop}
                limit={state.limits?.message_bytes}
                handle={composer}
              />
            )}
          </div>
        </div>
        <p className="unseen" role="status">
          {said && t(said)}
        </p>
      </main>
    </ThreadContext>
  );
}
