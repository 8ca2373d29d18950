import { useEffect, useState } from "react";

import { type Chat, openChat, type SavedSession } from "../../client";

/** The open chat of a session; null for the moment before it is opened. */
export function useChat(session: Pick<SavedSession, "id" | "token">): Chat | null {
  const [chat, setChat] = useState<Chat | null>(null);
  const { id, token } = session;
  useEffect(() => {
    const opened = openChat({ id, token });
    setChat(opened);
    return () => {
      opened.close();
      setChat(null);
    };
  }, [id, token]);
  return chat;
}
