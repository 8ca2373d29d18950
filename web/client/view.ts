/**
 * What a reader sees of a state: the newest version of each turn, withdrawn ones hidden, waiting ones numbered, unsent
 * ones at the end.
 */
import type { Pending, Reply, State, Turn } from "./state";

/** One row of the thread: a message with its answer. */
export interface Entry {
  /** Id of the message, the same from the moment it was typed: a stable key. */
  readonly id: string;
  /** The text to show: of a message whose edit was not confirmed yet, the new one. */
  readonly text: string;
  readonly step:
    | Pending["step"]
    /** Accepted, and waiting for the answers of earlier messages. */
    | "queued"
    /** It is being answered, or is the next to be. */
    | "running"
    | "answered";
  /** Of a queued message: 1 = next after the running one. Otherwise 0. */
  readonly place: number;
  readonly reply: Reply | null;
  /** Set once accepted. */
  readonly turn: Turn | null;
  /** Set until accepted. */
  readonly pending: Pending | null;
  /** All accepted versions of this turn, oldest first, the shown one last; more than one after edit or regenerate. */
  readonly versions: readonly Turn[];
}

const threads = new WeakMap<State, readonly Entry[]>();
const entries = new WeakMap<Turn | Pending, Entry>();

/** The rows to show, in order. An entry that did not change is the same object as before. */
export function thread(state: State): readonly Entry[] {
  let rows = threads.get(state);
  if (rows === undefined) {
    rows = compute(state);
    threads.set(state, rows);
  }
  return rows;
}

function compute(state: State): readonly Entry[] {
  const live = state.turns.filter((turn) => !turn.message.withdrawn && turn.asked?.type !== "message.withdraw");
  const roots = new Map<string, string>();
  const rootOf = (id: string, replaces: string | null | undefined): string => {
    const root = replaces ? (roots.get(replaces) ?? replaces) : id;
    roots.set(id, root);
    return root;
  };

  const versions = new Map<string, Turn[]>();
  for (const turn of live) {
    const root = rootOf(turn.message.id, turn.message.replaces);
    const older = versions.get(root);
    if (older) older.push(turn);
    else versions.set(root, [turn]);
  }
  const replacedByPending = new Set<string>();
  for (const message of state.pending) {
    const root = rootOf(message.id, message.replaces);
    if (message.replaces && message.step !== "refused") replacedByPending.add(root);
  }

  const rows: Entry[] = [];
  let ahead = 0;
  for (const turn of live) {
    const unanswered = turn.reply === null || turn.reply.status === "running";
    const root = roots.get(turn.message.id) ?? turn.message.id;
    const all = versions.get(root) ?? [turn];
    if (all.at(-1) === turn && !replacedByPending.has(root)) {
      rows.push(accepted(turn, all, unanswered ? ahead : null));
    }
    if (unanswered) ahead += 1;
  }
  for (const message of state.pending) rows.push(waiting(message));
  return rows;
}

function accepted(turn: Turn, versions: readonly Turn[], ahead: number | null): Entry {
  return same({
    id: turn.message.id,
    text: turn.asked?.type === "message.edit" ? turn.asked.text : turn.message.msg,
    step: ahead === null ? "answered" : ahead === 0 || turn.reply ? "running" : "queued",
    place: turn.reply ? 0 : (ahead ?? 0),
    reply: turn.reply,
    turn,
    pending: null,
    versions,
  }, turn);
}

function waiting(message: Pending): Entry {
  return same({
    id: message.id,
    text: message.text,
    step: message.step,
    place: 0,
    reply: null,
    turn: null,
    pending: message,
    versions: [],
  }, message);
}

/** The entry made from this object before, if it says the same. */
function same(entry: Entry, source: Turn | Pending): Entry {
  const before = entries.get(source);
  if (
    before?.step === entry.step &&
    before.place === entry.place &&
    before.versions.length === entry.versions.length &&
    before.versions.every((version, index) => version === entry.versions[index])
  ) {
    return before;
  }
  entries.set(source, entry);
  return entry;
}
