/**
 * What one session looks like right now. Plain data that is replaced and never changed: an object that is the same as
 * before means the same as before, so a view may compare by identity.
 */
import type { Failure, Feedback, Limits, Message, Part, SessionInfo, Status } from "./protocol";

/** How the page reaches the server. */
export type ConnectionStatus =
  /** The first attempt of this page is under way. */
  | "connecting"
  | "connected"
  /** It was lost, or was never there; the next attempt starts at `retryAt`. */
  | "reconnecting"
  /** The browser says that there is no network; the next attempt starts when it says otherwise. */
  | "offline"
  /** For good: the session expired or was deleted, or its token is wrong. What was shown stays readable. */
  | "gone"
  /** Closed by the page itself. */
  | "closed";

export interface Connection {
  readonly status: ConnectionStatus;
  /** Failed attempts since the last time it was connected. */
  readonly attempt: number;
  /** When the next attempt starts, in milliseconds since 1970; null while one runs or none is planned. */
  readonly retryAt: number | null;
  /** Why it is gone, as a code of the protocol (`session_gone`, `unauthorized` …). */
  readonly reason: string | null;
}

/** Something that the server, or the connection, wants the reader to know, and that belongs to no message. */
export interface Notice {
  readonly code: string;
  readonly message: string;
  readonly reference?: string;
}

/** A message of this page that the server has not accepted yet. */
export interface Pending {
  /** Chosen here, once; it stays the id of the message. */
  readonly id: string;
  readonly text: string;
  /** Id of the user's message that this one replaces in view. */
  readonly replaces?: string;
  /** Id of the reply whose question it answers. */
  readonly answers?: string;
  /** When the reader sent it, in milliseconds since 1970. */
  readonly createdAt: number;
  readonly step:
    /** Not on its way: there is no connection, or earlier messages go first. It leaves by itself. */
    | "waiting"
    /** On its way, and not answered. */
    | "sending"
    /** The server could not take it now; it is sent again at `retryAt`. */
    | "busy"
    /** The server will never take it as it is: `error` says why. */
    | "refused";
  readonly retryAt?: number;
  readonly error?: Notice;
}

/** What the reader asked for and the server has not answered yet; sent again after a reconnect. */
export type Asked =
  | { readonly type: "reply.cancel"; readonly message_id: string }
  | { readonly type: "message.edit"; readonly message_id: string; readonly text: string }
  | { readonly type: "message.withdraw"; readonly message_id: string }
  | { readonly type: "message.send_now"; readonly message_id: string }
  | { readonly type: "message.feedback"; readonly message_id: string; readonly value: Feedback | null };

/** The answer to a message, running or committed. */
export interface Reply {
  /** Id of the reply; feedback is given to it. */
  readonly id: string;
  readonly text: string;
  /** Reasoning pieces that follow each other are one part here. */
  readonly parts: readonly Part[];
  readonly status: "running" | Status;
  /** 1, or more when an earlier worker died on the way. */
  readonly attempt: number;
  /** ISO 8601; null while it runs. */
  readonly timestamp: string | null;
  readonly error: Failure | null;
  readonly feedback: Feedback | null;
  /** Id of the message whose reply answers this one's message too. */
  readonly mergedInto: string | null;
}

/** One accepted message and its answer. */
export interface Turn {
  readonly turn: number;
  readonly message: Message;
  /** Null while it waits. */
  readonly reply: Reply | null;
  readonly asked: Asked | null;
}

export interface State {
  readonly connection: Connection;
  /** Null until the server said who this is, once. */
  readonly session: SessionInfo | null;
  readonly limits: Limits | null;
  /** Everything up to here is shown; null: nothing is known yet, so the server will send a snapshot. */
  readonly cursor: string | null;
  /** True once the history of the session is known: before that an empty thread means nothing. */
  readonly loaded: boolean;
  /** In the order in which they are answered. */
  readonly turns: readonly Turn[];
  /** In the order in which they were sent. */
  readonly pending: readonly Pending[];
  /** The newest thing to tell the reader; dismissed by the page. */
  readonly notice: Notice | null;
}

export const EMPTY: State = {
  connection: { status: "connecting", attempt: 0, retryAt: null, reason: null },
  session: null,
  limits: null,
  cursor: null,
  loaded: false,
  turns: [],
  pending: [],
  notice: null,
};
