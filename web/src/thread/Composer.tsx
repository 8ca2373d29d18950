import { type FormEvent, type KeyboardEvent, type Ref, useId, useImperativeHandle, useState } from "react";

import { useText } from "../i18n/useText";
import { SendIcon, StopIcon } from "../shell/icons";
import { room } from "./bytes";
import { composing, onGlass } from "./keys";
import { useAutosize } from "./useAutosize";

import styles from "./Composer.module.css";

export interface ComposerHandle {
  focus: () => void;
  /** Puts a text back that the reader took out of the queue, if nothing else stands there. */
  offer: (text: string) => void;
}

interface Props {
  /** What was typed in this chat and not sent. */
  draft: string;
  onDraft: (text: string) => void;
  onSend: (text: string) => void;
  /** Stops the answer that runs; null while none does. */
  onStop: (() => void) | null;
  /** Longest message, in bytes. */
  limit: number | undefined;
  handle: Ref<ComposerHandle>;
}

/** Where the reader writes. It stays usable whatever happens: during an answer, without a network. */
export function Composer({ draft, onDraft, onSend, onStop, limit, handle }: Props) {
  const t = useText();
  const [text, setText] = useState(draft);
  const area = useAutosize(text);
  const hint = useId();
  const left = room(text, limit);
  const sendable = text.trim() !== "" && (left ?? 0) >= 0;

  const change = (value: string) => {
    setText(value);
    onDraft(value);
  };
  useImperativeHandle(handle, () => ({
    focus: () => area.current?.focus(),
    offer: (offered) => {
      if (text.trim() === "") change(offered);
      area.current?.focus();
    },
  }));

  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!sendable) return;
    onSend(text);
    change("");
    area.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (composing(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !onGlass()) send(event);
    else if (event.key === "Escape" && onStop) {
      event.preventDefault();
      onStop();
    }
  };

  return (
    <form className={styles.composer} onSubmit={send}>
      <textarea
        ref={area}
        className={styles.area}
        aria-label={t("composer")}
        aria-describedby={hint}
        placeholder={t("composer.placeholder")}
        value={text}
        dir="auto"
        rows={1}
        enterKeyHint={onGlass() ? "enter" : "send"}
        onChange={(event) => change(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className={styles.bar}>
        <span id={hint} className={styles.hint} data-room={left ?? undefined} data-over={(left ?? 0) < 0 || undefined}>
          {left === null ? <span className={styles.keys}>{t("composer.hint")}</span> : left < 0 ? t("composer.over", { count: -left }) : t("composer.left", { count: left })}
        </span>
        {onStop && (
          <button type="button" className={styles.stop} onClick={onStop} aria-label={t("stop")} title={t("stop")}>
            <StopIcon />
          </button>
        )}
        {(!onStop || sendable) && (
          <button type="submit" className={styles.send} disabled={!sendable} aria-label={t("send")} title={t("send")}>
            <SendIcon />
          </button>
        )}
      </div>
    </form>
  );
}
