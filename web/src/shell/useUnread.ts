import { useEffect, useRef, useState } from "react";

/**
 * Names the page after the chat, with a sign in front if an answer was finished while nobody looked.
 *
 * @param onAnswered called whenever an answer is finished.
 */
export function useUnread(title: string, running: boolean, onAnswered?: () => void): void {
  const [unread, setUnread] = useState(false);
  const ran = useRef(running);

  useEffect(() => {
    if (ran.current && !running) {
      if (document.hidden) setUnread(true);
      onAnswered?.();
    }
    ran.current = running;
  }, [running, onAnswered]);

  useEffect(() => {
    const looked = () => !document.hidden && setUnread(false);
    document.addEventListener("visibilitychange", looked);
    return () => document.removeEventListener("visibilitychange", looked);
  }, []);

  useEffect(() => {
    document.title = `${unread ? "● " : ""}${title ? `${title} · ` : ""}Unbroken`;
  }, [title, unread]);
}
