import type { ReactNode } from "react";

import type { ConnectionStatus, SavedSession, Sessions } from "../../client";
import { ChatPage } from "./ChatPage";
import { useChat } from "./useChat";

interface Props {
  session: SavedSession;
  sessions: Sessions;
  header: (status: ConnectionStatus) => ReactNode;
  onNew: () => void;
  /** Called when an answer is complete. */
  onAnswered?: () => void;
}

/** Opens a session for as long as it is shown. */
export function OpenChat({ session, sessions, header, onNew, onAnswered }: Props) {
  const chat = useChat(session);
  if (!chat) return header("connecting");
  return <ChatPage chat={chat} session={session} sessions={sessions} header={header} onNew={onNew} onAnswered={onAnswered} />;
}
