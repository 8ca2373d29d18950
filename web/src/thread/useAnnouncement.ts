import { useEffect, useRef, useState } from "react";

import type { Entry } from "../../client/view";
import type { Key } from "../i18n/text";

type Said = Extract<Key, `announce.${string}`>;

const ENDS = { completed: "announce.completed", failed: "announce.failed", cancelled: "announce.cancelled" } as const;

/**
 * What a screen reader says about answers: that one began, and how it ended. The text itself is read when its reader goes
 * there; a region that spoke every token would be noise.
 */
export function useAnnouncement(entries: readonly Entry[]): Said | null {
  const [said, say] = useState<Said | null>(null);
  const heard = useRef<string | null>(null);

  const running = entries.find((entry) => entry.reply?.status === "running")?.id ?? null;
  const ended = heard.current === null ? undefined : entries.find((entry) => entry.id === heard.current)?.reply?.status;

  useEffect(() => {
    if (ended && ended !== "running") say(ENDS[ended]);
    else if (running && running !== heard.current) say("announce.started");
    heard.current = running;
  }, [running, ended]);

  return said;
}
