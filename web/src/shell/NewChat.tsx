import type { ReactNode } from "react";

import { useText } from "../i18n/useText";
import { useBots, useSeveral } from "./bots";

interface Props {
  className: string | undefined;
  /** It is decided already who answers. */
  fixed?: boolean;
  onNew: (bot?: string) => void;
  children: ReactNode;
}

/** Begins a chat; where there are several bots, with the one that is chosen. */
export function NewChat({ className, fixed = false, onNew, children }: Props) {
  const t = useText();
  const bots = useBots();
  const several = useSeveral();
  if (bots && several && !fixed) {
    return (
      <several.BotMenu bots={bots} className={className} onNew={onNew}>
        {children}
      </several.BotMenu>
    );
  }
  return (
    <button type="button" className={className} onClick={() => onNew()} aria-label={t("chat.new")} title={t("chat.new")} aria-keyshortcuts="Alt+N">
      {children}
    </button>
  );
}
