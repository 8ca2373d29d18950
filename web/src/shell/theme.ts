import { useCallback, useState } from "react";

import { remember, remembered } from "./memory";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const isTheme = (value: string | null): value is Theme => THEMES.includes(value as Theme);

/** Shows the page as the reader chose; `system` leaves it to the device. */
export function applyTheme(): Theme {
  const chosen = remembered("theme");
  const theme = isTheme(chosen) ? chosen : "system";
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  return theme;
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(applyTheme);
  const change = useCallback((wanted: Theme) => {
    remember("theme", wanted === "system" ? null : wanted);
    setTheme(applyTheme());
  }, []);
  return [theme, change];
}
