import { useEffect } from "react";

const EDITABLE = "input, textarea, select, [contenteditable], dialog, [popover]";

/** A letter typed anywhere on the page is meant for the message. */
export function useTypeAnywhere(focus: () => void): void {
  useEffect(() => {
    const typed = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      // a space scrolls or presses a button
      if ([...event.key].length !== 1 || event.key === " ") return;
      if (target instanceof Element && target.closest(EDITABLE)) return;
      if (document.querySelector("dialog[open]")) return;
      // the letter itself follows the focus
      focus();
    };
    document.addEventListener("keydown", typed);
    return () => document.removeEventListener("keydown", typed);
  }, [focus]);
}
