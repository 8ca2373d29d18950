import { encode } from "uqr";

import type { SavedSession } from "../../../client";
import { useText } from "../../i18n/useText";
import { linkTo } from "../address";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";
import { ShareIcon } from "../icons";

import styles from "./dialogs.module.css";

/** A QR code as one path: a square for every dark module. */
function Code({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { ecc: "M", border: 2 });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
  return (
    <svg className={styles.code} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <path d={path} />
    </svg>
  );
}

/** The link that opens this chat on another device, to copy and to photograph. */
export function ShareDialog({ session, onClose }: { session: SavedSession; onClose: () => void }) {
  const t = useText();
  const link = linkTo(session);
  return (
    <Dialog title={t("share.title")} onClose={onClose}>
      <p>{t("share.text")}</p>
      <div className={styles.share}>
        <Code text={link} label={t("share.code")} />
        <div className={styles.link}>
          <input
            className={styles.field}
            readOnly
            value={link}
            aria-label={t("share.link")}
            dir="ltr"
            onFocus={(event) => event.target.select()}
          />
          <CopyButton text={link} label={t("share.copy")} wide />
          {"share" in navigator && (
            <button type="button" className="button" onClick={() => void navigator.share({ url: link, title: session.name }).catch(() => {})}>
              <ShareIcon />
              {t("share.send")}
            </button>
          )}
        </div>
      </div>
      <p className={styles.small}>{t("share.warning")}</p>
    </Dialog>
  );
}
