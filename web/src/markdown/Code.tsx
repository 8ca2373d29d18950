import { CopyButton } from "../shell/CopyButton";
import { useText } from "../i18n/useText";
import { useHighlight } from "./useHighlight";

import styles from "./Code.module.css";

interface Props {
  text: string;
  /** The info string of the fence; its first word is the language. */
  language: string;
  /** Nothing more will be written here. */
  done: boolean;
}

/** A block of code with its language and a button that copies it. */
export function Code({ text, language, done }: Props) {
  const t = useText();
  const name = /^[\w+#.-]{1,24}/.exec(language)?.[0] ?? "";
  const coloured = useHighlight(text, name, done);
  return (
    <div className={styles.block} dir="ltr">
      <div className={styles.bar}>
        <span className={styles.language}>{name}</span>
        <CopyButton text={text} label={t("code.copy")} />
      </div>
      <pre className={styles.scroll} role="group" aria-label={name ? t("code.of", { language: name }) : t("code")} tabIndex={0}>
        <code>{coloured ?? text}</code>
      </pre>
    </div>
  );
}
