/**
 * The wire of `unbroken.v1`. Generated from the Python protocol by tools/typescript.py: change it there.
 */

import type { Feedback, Message, Part } from "./types";

export type * from "./types";

export const SUBPROTOCOL = "unbroken.v1";

/** Offered beside the subprotocol, followed by the token: browsers set no headers on a WebSocket. */
export const TOKEN_SUBPROTOCOL = "unbroken.token.";

/** Asks for a reply. The same `id` may be sent any number of times and counts once. */
export interface MessageSend {
  readonly type: "message.send";
  readonly id: string;
  readonly text: string;
  /**
   * a message of the user's that this one is another version of: the same text for another reply, or another text. Any
   * version may be named; what is accepted names the first.
   */
  readonly replaces?: string | null;
  /**
   * the reply whose question this message answers; refused if that is not open. `-`: none. Without it, a message
   * answers the open question if there is one.
   */
  readonly answers?: string | null;
  /**
   * what becomes of a reply that is running: the message waits for it (queue), stops it and all that wait (interrupt),
   * is answered together with them (merge), or is refused (reject). Without it, the bot's.
   */
  readonly policy?: "interrupt" | "merge" | "queue" | "reject" | null;
}

/** Stops the reply to a message, running or still waiting. */
export interface ReplyCancel {
  readonly type: "reply.cancel";
  readonly message_id: string;
}

/** Continues after a cursor; without one the answer is a snapshot. */
export interface Resume {
  readonly type: "resume";
  readonly cursor?: string | null;
}

/** Gives a message that still waits another text, at its place in the order. */
export interface MessageEdit {
  readonly type: "message.edit";
  readonly message_id: string;
  readonly text: string;
}

/** Takes back a message that still waits. Its outcome is `reply.cancelled`, at its place in the order. */
export interface MessageWithdraw {
  readonly type: "message.withdraw";
  readonly message_id: string;
}

/** Makes a message that still waits the next one, and stops the running reply. */
export interface MessageSendNow {
  readonly type: "message.send_now";
  readonly message_id: string;
}

/** Stores a verdict with a committed reply; null takes it back. */
export interface MessageFeedback {
  readonly type: "message.feedback";
  readonly message_id: string;
  readonly value?: Feedback | null;
}

/** Gives the session another name. */
export interface SessionRename {
  readonly type: "session.rename";
  readonly name: string;
}

export type Command =
  | MessageSend
  | ReplyCancel
  | Resume
  | MessageEdit
  | MessageWithdraw
  | MessageSendNow
  | MessageFeedback
  | SessionRename;

/** Who this connection belongs to. */
export interface SessionInfo {
  readonly id: string;
  readonly name: string;
  readonly session_start: string;
  /** which of the deployment's bots answers; empty: the first. */
  readonly bot?: string;
}

/** What the server accepts. */
export interface Limits {
  /** longest message, in bytes of UTF-8. */
  readonly message_bytes: number;
  /** how many messages may wait in one session. */
  readonly inbox: number;
  /** seconds without activity after which the session is deleted; 0 = never. */
  readonly session_ttl: number;
}

/** The first event of every connection. Not logged. */
export interface SessionReady {
  readonly type: "session.ready";
  readonly session: SessionInfo;
  readonly limits: Limits;
  /** whether each `message.send` is answered with `message.acknowledged`, or with an error. */
  readonly acknowledges?: boolean;
}

/**
 * Replaces everything the client knows, and sets its cursor, possibly backwards.
 *
 * What a running reply already said follows as ordinary events. Messages come in the order in which they were stored;
 * `turn` and `reply_to` pair questions and answers. `name` is the session's, which may have changed.
 */
export interface Snapshot {
  readonly type: "snapshot";
  readonly messages: readonly Message[];
  readonly cursor?: string;
  readonly name?: string;
}

/** The message is stored and will get exactly one outcome. Logged. */
export interface MessageAccepted {
  readonly type: "message.accepted";
  readonly message: Message;
  readonly cursor?: string;
}

/** As many replicas as configured have the message: a failover does not lose it. To its sender. Not logged. */
export interface MessageAcknowledged {
  readonly type: "message.acknowledged";
  readonly message_id: string;
}

/** An attempt to answer begins; `text` and `parts` replace whatever an earlier attempt showed. Logged. */
export interface ReplyStarted {
  readonly type: "reply.started";
  readonly turn: number;
  readonly message_id: string;
  readonly attempt: number;
  readonly text: string;
  readonly cursor?: string;
  readonly parts?: readonly Part[];
}

/** The next piece of text. Logged. */
export interface ReplyDelta {
  readonly type: "reply.delta";
  readonly turn: number;
  readonly text: string;
  readonly cursor?: string;
}

/** Something other than text: reasoning, a tool call, a source. Logged. */
export interface ReplyPart {
  readonly type: "reply.part";
  readonly turn: number;
  readonly part: Part;
  readonly cursor?: string;
}

/** The whole answer, committed. Logged. */
export interface ReplyCompleted {
  readonly type: "reply.completed";
  readonly message: Message;
  readonly cursor?: string;
}

/** No answer, committed: `message.error` says why, `message.msg` is what had been said. Logged. */
export interface ReplyFailed {
  readonly type: "reply.failed";
  readonly message: Message;
  readonly cursor?: string;
}

/** Stopped on request, committed: `message.msg` is what had been said. Logged. */
export interface ReplyCancelled {
  readonly type: "reply.cancelled";
  readonly message: Message;
  readonly cursor?: string;
}

/** A waiting message has another text. Logged as a change. */
export interface MessageEdited {
  readonly type: "message.edited";
  readonly message: Message;
  readonly cursor?: string;
}

/** A waiting message was taken back. Logged as a change. */
export interface MessageWithdrawn {
  readonly type: "message.withdrawn";
  readonly message_id: string;
  readonly turn: number;
  readonly cursor?: string;
}

/** Waiting messages changed places: these now have these turns. Logged as a change. */
export interface QueueChanged {
  readonly type: "queue.changed";
  readonly messages: readonly Message[];
  readonly cursor?: string;
}

/** A reply was judged, or the verdict taken back. Logged as a change. */
export interface FeedbackGiven {
  readonly type: "message.feedback";
  readonly message_id: string;
  readonly value: Feedback | null;
  readonly cursor?: string;
}

/** The session has another name. Logged as a change. */
export interface SessionRenamed {
  readonly type: "session.renamed";
  readonly name: string;
  readonly cursor?: string;
}

/** A command was refused, or the connection is about to close. Not logged. */
export interface Error {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  /** the message that it is about, if any. */
  readonly message_id?: string | null;
  /** seconds after which the same command may succeed. */
  readonly retry_after?: number | null;
  /** quote it to the operator to find the log line. */
  readonly reference?: string | null;
}

/** This server is about to stop; connect again (any server) after `after` seconds. Not logged. */
export interface Reconnect {
  readonly type: "reconnect";
  readonly after: number;
}

export type Event =
  | SessionReady
  | Snapshot
  | MessageAccepted
  | MessageAcknowledged
  | ReplyStarted
  | ReplyDelta
  | ReplyPart
  | ReplyCompleted
  | ReplyFailed
  | ReplyCancelled
  | MessageEdited
  | MessageWithdrawn
  | QueueChanged
  | FeedbackGiven
  | SessionRenamed
  | Error
  | Reconnect;

/** The codes of `error` events; `retry`: the same command may succeed later. */
export const ERRORS = {
  /** The command is not in the protocol. */
  bad_request: { retry: false },
  /** The message is empty, too long, or not text. */
  bad_message: { retry: false },
  /** The token is missing or opens no session. */
  unauthorized: { retry: false },
  /** No accepted message has this id. */
  unknown_message: { retry: false },
  /** Too late to change the message or to answer the question, or too early to judge a reply. */
  not_waiting: { retry: false },
  /** The session expired or was deleted; create a new one. */
  session_gone: { retry: false },
  /** The session holds as many messages as it may; create a new one. */
  session_full: { retry: false },
  /** Too many messages wait in this session, or it takes none during a reply. */
  busy: { retry: true },
  /** Too many new sessions or sockets from one place. */
  rate_limited: { retry: true },
  /** The store cannot be reached or cannot write now; nothing was lost. */
  unavailable: { retry: true },
  /** Stored, but not yet as safely as configured; send the same id again. */
  unacknowledged: { retry: true },
  /** A defect of the server; the reference finds it in the log. */
  internal: { retry: true },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Why the server closed a WebSocket. 4000 to 4499: do not reconnect; everything else: do. */
export const CloseCode = {
  NORMAL: 1000,
  POLICY: 1008,
  TOO_BIG: 1009,
  INTERNAL: 1011,
  RESTART: 1012,
  TRY_LATER: 1013,
  SESSION_GONE: 4000,
  BAD_COMMAND: 4001,
  SLOW_CONSUMER: 4500,
} as const;

/** Whether a client should connect again with its cursor after this close code. */
export function reconnects(code: number): boolean {
  return ![1000, 1008, 1009].includes(code) && !(code >= 4000 && code < 4500);
}
