/**
 * What a reader sees of a state: the newest version of each turn, withdrawn ones and replies that gave way to another one
 * hidden, waiting ones numbered, unsent ones at the end. Of what the server has this is what `in_view` in
 * `src/unbroken/types.py` says, and both are held to the same cases.
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
  /** Null also if the reply to a later message answers this one too. */
  readonly reply: Reply | null;
  /** Whether the reply ended with a question that the next message answers. */
  readonly asks: boolean;
  /** How the question with which the reply ended was answered; null if it was not. */
  readonly answer: string | null;
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

  for (const { message } of state.turns) rootOf(message.id, message.replaces);
  const versions = new Map<string, Turn[]>();
  for (const turn of live) {
    const root = roots.get(turn.message.id) ?? turn.message.id;
    const older = versions.get(root);
    if (older) older.push(turn);
    else versions.set(root, [turn]);
  }
  const replacedByPending = new Set<string>();
  for (const message of state.pending) {
    const root = rootOf(message.id, message.replaces);
    if (message.replaces && message.step !== "refused") replacedByPending.add(root);
  }

  /** Whether the message that took over is shown, or a later version of it. */
  const gaveWay = (id: string): boolean => {
    const into = state.turns.find(({ message }) => message.id === id);
    const instead = versions.get(roots.get(id) ?? id)?.at(-1);
    return into !== undefined && instead !== undefined && instead.turn >= into.turn;
  };
  const answers = answered(state, live);
  const open = openQuestion(state, answers);
  const rows: Entry[] = [];
  let ahead = 0;
  for (const turn of live) {
    const unanswered = turn.reply === null || turn.reply.status === "running";
    const root = roots.get(turn.message.id) ?? turn.message.id;
    const all = versions.get(root) ?? [turn];
    if (all.at(-1) === turn && !replacedByPending.has(root)) {
      const reply = turn.reply?.mergedInto && gaveWay(turn.reply.mergedInto) ? null : turn.reply;
      rows.push(
        same(
          {
            id: turn.message.id,
            text: turn.asked?.type === "message.edit" ? turn.asked.text : turn.message.msg,
            step: !unanswered ? "answered" : ahead === 0 || turn.reply ? "running" : "queued",
            place: unanswered && !turn.reply ? ahead : 0,
            reply,
            asks: reply !== null && reply.id === open,
            answer: answers.get(reply?.id) ?? null,
            turn,
            pending: null,
            versions: all,
          },
          turn,
        ),
      );
    }
    if (unanswered) ahead += 1;
  }
  for (const message of state.pending) rows.push(waiting(message));
  return rows;
}

/** Texts that answer the question of a reply, by its id. */
function answered(state: State, live: readonly Turn[]): ReadonlyMap<string | undefined, string> {
  const texts = new Map<string | undefined, string>();
  for (const { message } of live) if (message.answers) texts.set(message.answers, message.msg);
  for (const { step, answers, text } of state.pending) {
    if (step !== "refused" && answers !== undefined && !texts.has(answers)) texts.set(answers, text);
  }
  return texts;
}

/** The reply whose question the next message answers; null if there is none, or if that message is under way already. */
function openQuestion(state: State, answers: ReadonlyMap<string | undefined, string>): string | null {
  if (state.pending.some((message) => message.step !== "refused")) return null;
  const reply = state.turns.findLast((turn) => turn.reply?.status === "completed" && asks(turn.reply))?.reply;
  if (!reply || answers.has(reply.id)) return null;
  // whoever changes what was said before gives the question up; both times are Redis'
  const changed = ({ message }: Turn) => message.replaces && message.timestamp > (reply.timestamp ?? "");
  return state.turns.some(changed) ? null : reply.id;
}

const asks = (reply: Reply): boolean => reply.parts.at(-1)?.type === "question";

function waiting(message: Pending): Entry {
  return same(
    {
      id: message.id,
      text: message.text,
      step: message.step,
      place: 0,
      reply: null,
      asks: false,
      answer: null,
      turn: null,
      pending: message,
      versions: [],
    },
    message,
  );
}

const COMPARED = ["step", "place", "reply", "asks", "answer"] as const;

/** The entry made from this object before, if it says the same. */
function same(entry: Entry, source: Turn | Pending): Entry {
  const before = entries.get(source);
  if (
    before !== undefined &&
    COMPARED.every((member) => before[member] === entry[member]) &&
    before.versions.length === entry.versions.length &&
    before.versions.every((version, index) => version === entry.versions[index])
  ) {
    return before;
  }
  entries.set(source, entry);
  return entry;
}
