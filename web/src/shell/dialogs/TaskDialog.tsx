import type { Sessions } from "../../../client";
import type { Task } from "../tasks";
import { DeleteDialog } from "./DeleteDialog";
import { RenameDialog } from "./RenameDialog";
import { SettingsDialog } from "./SettingsDialog";
import { ShareDialog } from "./ShareDialog";
import { ShortcutsDialog } from "./ShortcutsDialog";

interface Props {
  task: Exclude<Task, { kind: "export" }>;
  sessions: Sessions;
  onClose: () => void;
  onProblem: (text: string) => void;
  onDeleted: (id: string) => void;
}

/** The dialog for what the reader wants to do. */
export function TaskDialog({ task, sessions, onClose, onProblem, onDeleted }: Props) {
  switch (task.kind) {
    case "share":
      return <ShareDialog session={task.session} onClose={onClose} />;
    case "rename":
      return <RenameDialog session={task.session} sessions={sessions} onClose={onClose} onProblem={onProblem} />;
    case "delete":
      return <DeleteDialog session={task.session} onClose={onClose} onProblem={onProblem} onDeleted={onDeleted} />;
    case "settings":
      return <SettingsDialog onClose={onClose} />;
    case "shortcuts":
      return <ShortcutsDialog onClose={onClose} />;
  }
}
