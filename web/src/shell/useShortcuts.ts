import { useEffect, useRef } from "react";

/** `KeyN` is Alt+N, `Slash` is Ctrl+/: named by the place of the key, since Alt writes other letters on a Mac. */
export type Shortcut = "KeyN" | "KeyK" | "KeyJ" | "KeyS" | "Slash";

/** Listens for the shortcuts of the page. */
export function useShortcuts(actions: { readonly [Key in Shortcut]?: () => void }): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const action = latest.current[event.code as Shortcut];
      if (!action || event.shiftKey) return;
      const ctrl = event.ctrlKey || event.metaKey;
      // Ctrl and Alt together write characters on many keyboards
      if (event.code === "Slash" ? !ctrl || event.altKey : !event.altKey || ctrl) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}
