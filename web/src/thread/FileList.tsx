import type { File } from "../../client/protocol";
import { useSpeech } from "../i18n/useText";
import { fileKind, fileName, fileSize, fileUrl } from "./file";
import { FileIcon } from "./FileIcon";

import styles from "./FileList.module.css";

/** Files as cards that lead to them. Nothing of a file is loaded before somebody asks for it, and no image is shown. */
export function FileList({ files }: { files: readonly File[] }) {
  const { text: t, language } = useSpeech();
  return (
    <ul className={styles.files} aria-label={t("files")}>
      {files.map((file, index) => {
        const url = fileUrl(file.url);
        const about = [fileKind(file), fileSize(file, language)].filter(Boolean);
        const card = (
          <>
            <FileIcon file={file} />
            <span className={styles.text}>
              <span className={styles.name} dir="auto">
                {fileName(file)}
              </span>
              {about.length > 0 && <span className={styles.about}>{about.join(" · ")}</span>}
            </span>
          </>
        );
        return (
          <li key={index}>
            {url === null ? (
              <span className={styles.file}>{card}</span>
            ) : (
              <a className={styles.file} href={url} target="_blank" rel="noopener noreferrer nofollow">
                {card}
              </a>
            )}
          </li>
        );
      })}
    </ul>
  );
}
