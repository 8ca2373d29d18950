import { useEffect, useState } from "react";

import { useText } from "../i18n/useText";
import { LazyMarkdown } from "../markdown/LazyMarkdown";
import { ExpandIcon, ThoughtIcon } from "../shell/icons";

import styles from "./Parts.module.css";

/** How long finished reasoning stays open, in milliseconds: enough to see that it went somewhere. */
const LINGER = 1000;

interface Props {
  text: string;
  /** It is being written. */
  active: boolean;
}

/** How the model reasoned: open while it does, closed a second later, and from then on as the reader likes. */
export function Reasoning({ text, active }: Props) {
  const t = useText();
  const [open, setOpen] = useState(active);
  const [touched, setTouched] = useState(false);

  useEffect(() => {
    if (touched) return;
    if (active) {
      setOpen(true);
      return;
    }
    const timer = setTimeout(() => setOpen(false), LINGER);
    return () => clearTimeout(timer);
  }, [active, touched]);

  const toggle = () => {
    setTouched(true);
    setOpen(!open);
  };

  return (
    <details className={styles.part} open={open}>
      <summary
        className={styles.summary}
        onClick={(event) => {
          // React keeps the state; the element by itself would toggle a second time
          event.preventDefault();
          toggle();
        }}
      >
        <ThoughtIcon />
        <span data-active={active || undefined}>{active ? t("reasoning.active") : t("reasoning")}</span>
        <ExpandIcon />
      </summary>
      <div className={styles.reasoning}>{open && <LazyMarkdown text={text} streaming={active} />}</div>
    </details>
  );
}
