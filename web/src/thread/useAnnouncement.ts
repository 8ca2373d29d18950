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

  // from the moment it is sent: an answer may be whole before it was ever seen to begin
  const next = entries.find(({ step }) => step !== "answered" && step !== "refused");
  const begun = next?.reply?.status === "running";
  const last = heard.current === null ? undefined : entries.find((entry) => entry.id === heard.current);
  const ended = last?.step === "answered" ? last.reply?.status : undefined;
  const asks = last?.asks;

  useEffect(() => {
    if (asks) say("announce.asked");
    else if (ended && ended !== "running") say(ENDS[ended]);
    else if (begun) say("announce.started");
    heard.current = next?.id ?? null;
  }, [next?.id, begun, ended, asks]);

  return said;
}
