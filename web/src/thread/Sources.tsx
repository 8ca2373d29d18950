import type { Part, Source } from "../../client/protocol";
import { useText } from "../i18n/useText";
import { safeUrl } from "../markdown/url";
import { SourceIcon } from "../shell/icons";

import styles from "./Parts.module.css";

/** Where the statements of an answer come from. */
export function Sources({ parts }: { parts: readonly Part[] }) {
  const t = useText();
  const sources = parts.filter((part): part is Source => part.type === "source");
  if (!sources.length) return null;
  return (
    <ul className={styles.sources} aria-label={t("sources")}>
      {sources.map((source, index) => {
        const url = safeUrl(source.url);
        const label = source.title || (url ? new URL(url).hostname : source.url);
        return (
          <li key={index}>
            {url ? (
              <a className={styles.source} href={url} target="_blank" rel="noopener noreferrer nofollow">
                <SourceIcon />
                <span dir="auto">{label}</span>
              </a>
            ) : (
              <span className={styles.source}>{label}</span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
