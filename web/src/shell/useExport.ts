import { useCallback } from "react";

import { exportSession, type SavedSession } from "../../client";
import { useProblem } from "./problems";

const ENDINGS = { markdown: "md", json: "json" } as const;

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // the download has its own hold on it by then
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const fileName = (title: string): string => title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "chat";

/** Saves a chat as a file. */
export function useExport(onProblem: (text: string) => void): (session: SavedSession, format: "markdown" | "json") => void {
  const say = useProblem();
  return useCallback(
    (session, format) => {
      exportSession(session, format).then(
        (file) => save(file, `${fileName(session.name)}.${ENDINGS[format]}`),
        (error: unknown) => onProblem(say(error)),
      );
    },
    [onProblem, say],
  );
}
