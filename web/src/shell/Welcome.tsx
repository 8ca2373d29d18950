import { type FormEvent, useId, useState } from "react";

import { useText } from "../i18n/useText";
import { pick, useBots, useSeveral } from "./bots";
import { Line } from "./Line";
import { Mark } from "./Mark";
import { remembered } from "./memory";
import { useProblem } from "./problems";

import styles from "./Centre.module.css";

interface Props {
  onStart: (name: string, bot: string) => Promise<void>;
  /** Who answers, where that is not the reader's choice. */
  bot?: string | null;
  /** In a small frame: without the promise. */
  compact?: boolean;
}

/** The first visit: a name, and the conversation begins. */
export function Welcome({ onStart, bot = null, compact = false }: Props) {
  const t = useText();
  const say = useProblem();
  const [name, setName] = useState(remembered("name") ?? "");
  const bots = useBots();
  const several = useSeveral();
  const [chosen, choose] = useState(remembered("bot"));
  const [state, setState] = useState<{ busy: boolean; problem: string | null }>({ busy: false, problem: null });
  const field = useId();
  const problem = useId();

  const start = (event: FormEvent) => {
    event.preventDefault();
    if (state.busy) return;
    if (!name.trim()) {
      setState({ busy: false, problem: t("welcome.empty") });
      return;
    }
    setState({ busy: true, problem: null });
    onStart(name.trim(), bot ?? pick(bots, chosen)).catch((error: unknown) => setState({ busy: false, problem: say(error) }));
  };

  return (
    <main className={styles.centre}>
      {!compact && <Line />}
      <form className={styles.card} onSubmit={start} noValidate>
        <span className={styles.mark}>
          <Mark />
        </span>
        <h1 className={compact ? styles.small : styles.title}>{compact ? t("empty.hi") : t("welcome.title")}</h1>
        {!compact && <p className={styles.lead}>{t("welcome.lead")}</p>}
        {bot === null && bots && several && <several.BotChoice bots={bots} chosen={pick(bots, chosen)} onChoose={choose} />}
        <label className={styles.label} htmlFor={field}>
          {t("welcome.name")}
        </label>
        <div className={styles.row}>
          <input
            id={field}
            className={styles.field}
            value={name}
            maxLength={100}
            autoComplete="given-name"
            autoCapitalize="words"
            enterKeyHint="go"
            dir="auto"
            autoFocus
            aria-invalid={state.problem !== null}
            aria-describedby={problem}
            onChange={(event) => {
              setName(event.target.value);
              setState((before) => ({ ...before, problem: null }));
            }}
          />
          <button type="submit" className="button primary" aria-disabled={state.busy}>
            {state.busy ? t("welcome.starting") : t("welcome.start")}
          </button>
        </div>
        <p id={problem} className={styles.problem} role="alert">
          {state.problem}
        </p>
      </form>
    </main>
  );
}
