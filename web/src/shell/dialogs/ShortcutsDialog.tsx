import { useText } from "../../i18n/useText";
import { Dialog } from "../Dialog";

import styles from "./dialogs.module.css";

const MAC = /Mac|iP(?:hone|ad|od)/.test(navigator.userAgent);
const ALT = MAC ? "⌥" : "Alt";
const CTRL = MAC ? "⌘" : "Ctrl";

/** Which keys do what. */
export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  const rows = [
    { keys: ["Enter"], text: t("shortcut.send") },
    { keys: ["Shift", "Enter"], text: t("shortcut.line") },
    { keys: ["Esc"], text: t("shortcut.stop") },
    { keys: [ALT, "J"], text: t("shortcut.latest") },
    { keys: [ALT, "N"], text: t("shortcut.new") },
    { keys: [ALT, "K"], text: t("shortcut.search") },
    { keys: [CTRL, "/"], text: t("shortcut.help") },
  ];
  return (
    <Dialog title={t("shortcuts")} onClose={onClose}>
      <dl className={styles.keys}>
        {rows.map(({ keys, text }) => (
          <div key={text}>
            <dt>{text}</dt>
            <dd dir="ltr">
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p className={styles.small}>{t("shortcut.type")}</p>
    </Dialog>
  );
}
