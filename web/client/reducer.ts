/**
 * State + action → state, and nothing else: no clock, no socket, no storage.
 *
 * The server sends the events of a session in order and each of them once to a connection; what is checked here is what
 * a reconnect, a second attempt or a second tab can still bring: turns that are known, deltas of a reply that is not the
 * running one, an event that was the last one already.
 */
import type { Event, Message, Part } from "./protocol";
import type { Asked, Connection, Pending, Reply, State, Turn } from "./state";

/** What this page does itself. */
export type LocalAction =
  | { readonly type: "local.connection"; readonly connection: Connection }
  | { readonly type: "local.send"; readonly message: Pending }
  | { readonly type: "local.pending"; readonly message: Pending }
  | { readonly type: "local.forget"; readonly id: string }
  | { readonly type: "local.ask"; readonly asked: Asked }
  | { readonly type: "local.dismiss" };

export type Action = Event | LocalAction;

/** Applies one action. Returns the same state if nothing changed. */
export function reduce(state: State, action: Action): State {
  if (!("cursor" in action) || action.cursor === undefined) return apply(state, action);
  if (action.type !== "snapshot" && action.cursor === state.cursor) return state;
  return { ...apply(state, action), cursor: action.cursor };
}

function apply(state: State, action: Action): State {
  switch (action.type) {
    case "session.ready":
      return { ...state, session: action.session, limits: action.limits };
    case "snapshot":
      return withoutAccepted({ ...rename(state, action.name ?? ""), turns: pair(action.messages, state.turns), loaded: true });
    case "message.accepted":
      return accept(state, action.message);

    case "reply.started":
      return change(state, byTurn(state, action.turn), (turn) => {
        if (turn.reply !== null && turn.reply.status !== "running") return turn;
        const reply = start(action.message_id, action.attempt, action.text, action.parts ?? []);
        return { ...turn, reply, asked: stillAsked(turn.asked, "message.send_now") };
      });
    case "reply.delta":
      return changeRunning(state, action.turn, (reply) => ({ ...reply, text: reply.text + action.text }));
    case "reply.part":
      return changeRunning(state, action.turn, (reply) => ({ ...reply, parts: join([...reply.parts, action.part]) }));
    case "reply.completed":
    case "reply.failed":
    case "reply.cancelled":
      return change(state, byTurn(state, action.message.turn), (turn) => {
        if (turn.reply !== null && turn.reply.status !== "running") return turn;
        return { ...turn, reply: committed(action.message), asked: null };
      });

    case "message.edited":
      return change(state, byTurn(state, action.message.turn), (turn) => ({
        ...turn,
        message: action.message,
        asked: stillAsked(turn.asked, "message.edit", action.message.msg),
      }));
    case "message.withdrawn":
      return change(state, byTurn(state, action.turn), (turn) => ({
        ...turn,
        message: { ...turn.message, withdrawn: true },
        asked: null,
      }));
    case "queue.changed":
      return requeue(state, action.messages);
    case "message.feedback":
      return change(state, byReply(state, action.message_id), (turn) => ({
        ...turn,
        reply: turn.reply && { ...turn.reply, feedback: action.value ?? null },
        asked: null,
      }));
    case "session.renamed":
      return rename(state, action.name);

    case "error":
      return refuse(state, action);
    case "message.acknowledged":
    case "reconnect":
      return state;

    case "local.connection":
      return { ...state, connection: action.connection };
    case "local.send":
      return withoutAccepted({ ...state, pending: inOrder([...state.pending, action.message]) });
    case "local.pending":
      return { ...state, pending: state.pending.map((old) => (old.id === action.message.id ? action.message : old)) };
    case "local.forget":
      return { ...state, pending: state.pending.filter((old) => old.id !== action.id) };
    case "local.ask":
      return change(state, byMessage(state, action.asked.message_id), (turn) =>
        makesSense(action.asked, turn) ? { ...turn, asked: action.asked } : turn,
      );
    case "local.dismiss":
      return { ...state, notice: null };

    default:
      // an event that a newer server knows and this page does not
      action satisfies never;
      return state;
  }
}

function rename(state: State, name: string): State {
  return state.session === null || name === "" ? state : { ...state, session: { ...state.session, name } };
}

/** The turns of a snapshot. Those that are the same as before stay the same objects, and keep what was asked of them. */
function pair(messages: readonly Message[], before: readonly Turn[]): readonly Turn[] {
  const known = new Map(before.map((turn) => [turn.message.id, turn]));
  const replies = new Map(messages.flatMap((message) => (message.role === "assistant" ? [[message.turn, message]] : [])));
  return messages
    .filter((message) => message.role === "user")
    .sort((one, other) => one.turn - other.turn)
    .map((message) => {
      const answer = replies.get(message.turn);
      const old = known.get(message.id);
      const reply = answer ? committed(answer) : null;
      const turn: Turn = { turn: message.turn, message, reply, asked: old ? unanswered(old.asked, message, reply) : null };
      return old && JSON.stringify(old) === JSON.stringify(turn) ? old : turn;
    });
}

function accept(state: State, message: Message): State {
  if (state.turns.some((turn) => turn.turn === message.turn)) return withoutAccepted(state);
  const turn: Turn = { turn: message.turn, message, reply: null, asked: null };
  return withoutAccepted({ ...state, turns: [...state.turns, turn].sort((one, other) => one.turn - other.turn) });
}

/** What waits got another order: numbers stay where they are, messages move, and what was asked moves with them. */
function requeue(state: State, messages: readonly Message[]): State {
  const asked = new Map(state.turns.map((turn) => [turn.message.id, turn.asked]));
  const moved = new Map(messages.map((message) => [message.turn, message]));
  const turns = state.turns.map((turn) => {
    const message = moved.get(turn.turn);
    if (message === undefined || turn.reply !== null) return turn;
    return { ...turn, message, asked: stillAsked(asked.get(message.id) ?? null, "message.send_now") };
  });
  return { ...state, turns };
}

function refuse(state: State, error: Extract<Event, { type: "error" }>): State {
  const notice = {
    code: error.code,
    message: error.message,
    ...(error.reference ? { reference: error.reference } : {}),
  };
  const { message_id: id } = error;
  if (!id) return { ...state, notice };
  // it is stored, and is sent again by itself until replicas have it
  if (error.code === "unacknowledged") return state;
  const pending = state.pending.find((message) => message.id === id);
  // what becomes of a message that was not accepted is decided by who sends it: some refusals are for now only
  if (pending) return state;
  const index = state.turns.findLastIndex((turn) => turn.asked?.message_id === id);
  return index < 0 ? state : { ...change(state, index, (turn) => ({ ...turn, asked: null })), notice };
}

function start(messageId: string, attempt: number, text: string, parts: readonly Part[]): Reply {
  return {
    id: `${messageId}.reply`,
    text,
    parts: join(parts),
    status: "running",
    attempt,
    timestamp: null,
    error: null,
    feedback: null,
    mergedInto: null,
  };
}

function committed(message: Message): Reply {
  return {
    id: message.id,
    text: message.msg,
    parts: join(message.parts ?? []),
    status: message.status ?? "completed",
    attempt: 1,
    timestamp: message.timestamp,
    error: message.error ?? null,
    feedback: message.feedback ?? null,
    mergedInto: message.merged_into ?? null,
  };
}

/** Pieces of reasoning that follow each other become one. */
function join(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === "reasoning" && last?.type === "reasoning") {
      joined[joined.length - 1] = { type: "reasoning", text: last.text + part.text };
    } else {
      joined.push(part);
    }
  }
  return joined;
}

/** An answer that is committed cannot be stopped or changed any more, only judged; and what is so already needs no asking. */
function makesSense(asked: Asked, { message, reply }: Turn): boolean {
  const answered = reply !== null && reply.status !== "running";
  if (asked.type === "message.feedback") return answered && reply.feedback !== asked.value;
  return !answered && !(asked.type === "message.edit" && asked.text === message.msg);
}

/** What was asked, if a snapshot with this message and this reply does not answer it. */
function unanswered(asked: Asked | null, message: Message, reply: Reply | null): Asked | null {
  if (asked === null || message.withdrawn) return null;
  if (asked.type === "message.feedback") return reply?.feedback === asked.value ? null : asked;
  return reply !== null || (asked.type === "message.edit" && asked.text === message.msg) ? null : asked;
}

function stillAsked(asked: Asked | null, answered: Asked["type"], text?: string): Asked | null {
  if (asked?.type !== answered) return asked;
  // an older edit was confirmed while a newer one is under way
  return asked.type === "message.edit" && asked.text !== text ? asked : null;
}

function withoutAccepted(state: State): State {
  const accepted = new Set(state.turns.map((turn) => turn.message.id));
  const pending = state.pending.filter((message) => !accepted.has(message.id));
  return pending.length === state.pending.length ? state : { ...state, pending };
}

function inOrder(pending: readonly Pending[]): readonly Pending[] {
  const once = new Map(pending.map((message) => [message.id, message]));
  return [...once.values()].sort((one, other) => one.createdAt - other.createdAt);
}

// what changes is nearly always the last turn or one close to it
const byTurn = (state: State, number: number) => state.turns.findLastIndex((turn) => turn.turn === number);
const byReply = (state: State, id: string) => state.turns.findLastIndex((turn) => turn.reply?.id === id);
const byMessage = (state: State, id: string) =>
  state.turns.findLastIndex((turn) => turn.message.id === id || turn.reply?.id === id);

function change(state: State, index: number, how: (turn: Turn) => Turn): State {
  const before = state.turns[index];
  if (before === undefined) return state;
  const after = how(before);
  return after === before ? state : { ...state, turns: state.turns.with(index, after) };
}

function changeRunning(state: State, number: number, how: (reply: Reply) => Reply): State {
  return change(state, byTurn(state, number), (turn) =>
    turn.reply?.status === "running" ? { ...turn, reply: how(turn.reply) } : turn,
  );
}
