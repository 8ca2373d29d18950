import { useId } from "react";

import { type Language, LANGUAGES } from "../../i18n/languages";
import { useSpeech } from "../../i18n/useText";
import { Dialog } from "../Dialog";
import { remembered } from "../memory";
import { THEMES, useTheme } from "../theme";

import styles from "./dialogs.module.css";

/** How the page looks and which language it speaks. */
export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { text: t, change, language } = useSpeech();
  const [theme, setTheme] = useTheme();
  const select = useId();
  return (
    <Dialog title={t("settings")} onClose={onClose}>
      <fieldset className={styles.themes}>
        <legend>{t("theme")}</legend>
        <div className={styles.choices}>
          {THEMES.map((value) => (
            <label key={value} className={styles.choice}>
              <input type="radio" name="theme" value={value} checked={theme === value} onChange={() => setTheme(value)} />
              <span>{t(`theme.${value}`)}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div className={styles.form}>
        <label htmlFor={select}>{t("language")}</label>
        <select
          id={select}
          className={styles.field}
          // the page may speak another language than the one that was chosen, until that one is loaded
          key={language}
          defaultValue={remembered("language") ?? ""}
          onChange={(event) => change((event.target.value || null) as Language | null)}
        >
          <option value="">{t("language.system")}</option>
          {Object.entries(LANGUAGES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
      </div>
    </Dialog>
  );
}
