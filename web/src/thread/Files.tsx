import { useSyncExternalStore } from "react";

import type { File, Part } from "../../client/protocol";
import { Later } from "../later";

const list = new Later(() => import("./FileList"));

const isFile = (part: Part): part is File => part.type === "file";

/** The files that belong to an answer. What shows them is loaded with the first of them. */
export function Files({ parts }: { parts: readonly Part[] }) {
  const files = parts.filter(isFile);
  return files.length > 0 && <Loaded files={files} />;
}

function Loaded({ files }: { files: readonly File[] }) {
  const loaded = useSyncExternalStore(list.subscribe, list.get, list.get);
  return loaded && <loaded.FileList files={files} />;
}
