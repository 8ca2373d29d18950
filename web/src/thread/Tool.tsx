import { useText } from "../i18n/useText";
import { ExpandIcon, ToolIcon } from "../shell/icons";
import { Value } from "./Value";

import styles from "./Parts.module.css";

interface Props {
  name: string;
  input?: unknown;
  output?: unknown;
  running: boolean;
}

function Labelled({ label, value }: { label: string; value: unknown }) {
  if (value === undefined || value === null) return null;
  return (
    <>
      <p className={styles.label}>{label}</p>
      <Value label={label} value={value} />
    </>
  );
}

/** A tool that the model used: what it asked for, and what it got. */
export function Tool({ name, input, output, running }: Props) {
  const t = useText();
  return (
    <details className={styles.part}>
      <summary className={styles.summary}>
        <ToolIcon />
        <span data-active={running || undefined}>{running ? t("tool.running", { name }) : t("tool.done", { name })}</span>
        <ExpandIcon />
      </summary>
      <div className={styles.values}>
        <Labelled label={t("tool.input")} value={input} />
        <Labelled label={t("tool.output")} value={output} />
      </div>
    </details>
  );
}
