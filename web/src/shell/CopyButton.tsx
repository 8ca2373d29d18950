import { useEffect, useState } from "react";

import { useText } from "../i18n/useText";
import { copy } from "./clipboard";
import { CheckIcon, CopyIcon } from "./icons";

interface Props {
  text: string;
  label: string;
  /** Shows the label beside the icon. */
  wide?: boolean;
}

/** Copies a text, and says for a moment that it did. */
export function CopyButton({ text, label, wide = false }: Props) {
  const t = useText();
  const [result, setResult] = useState<"copied" | "refused" | null>(null);

  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);

  const said = result === "copied" ? t("copied") : result === "refused" ? t("copy.refused") : label;
  return (
    <button
      type="button"
      className={wide ? "button" : "quiet"}
      aria-label={said}
      title={wide ? undefined : said}
      onClick={() => void copy(text).then((done) => setResult(done ? "copied" : "refused"))}
    >
      {result === "copied" ? <CheckIcon /> : <CopyIcon />}
      {wide && <span>{said}</span>}
      <span className="unseen" role="status">
        {result && said}
      </span>
    </button>
  );
}
