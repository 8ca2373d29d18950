/**
 * What the wire speaks about: messages and their parts. Generated from the Python types by tools/typescript.py: change it there.
 */

/** What a reader thinks of a reply. */
export type Feedback = "up" | "down";

/** Who wrote a message. */
export type Role = "user" | "assistant";

/** The three outcomes of an accepted message. Exactly one of them is committed, once. */
export type Status = "completed" | "failed" | "cancelled";

/** Why a reply failed, in words that its reader may see. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly reference: string;
}

/** A piece of the model's visible reasoning; pieces that follow each other belong together. */
export interface Reasoning {
  readonly type: "reasoning";
  readonly text: string;
}

/** The model asks for a tool to be run. */
export interface ToolCall {
  readonly type: "tool_call";
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** What the tool answered. */
export interface ToolResult {
  readonly type: "tool_result";
  readonly id: string;
  readonly result: unknown;
}

/** Where a statement comes from. */
export interface Source {
  readonly type: "source";
  readonly url: string;
  readonly title: string;
}

/** A file that belongs to the reply, kept by somebody else. */
export interface File {
  readonly type: "file";
  /** where it is, for the reader's browser. */
  readonly url: string;
  /** what to call it; empty: the last part of its address. */
  readonly name?: string;
  /** as in HTTP, for example `image/png`. */
  readonly media_type?: string;
  /** bytes, if that is known. */
  readonly size?: number | null;
}

/** The bot asks the reader before it goes on; the next message is the answer. */
export interface Question {
  readonly type: "question";
  /** the question, which also stands in the text of the reply. */
  readonly text: string;
  /** answers to choose from; empty: the reader writes one. */
  readonly options?: readonly string[];
}

/** Anything else, named, for a client that knows the name. */
export interface Data {
  readonly type: "data";
  readonly name: string;
  readonly value: unknown;
}

/** One message of a session, as stored, sent and answered. */
export interface Message {
  /** the client's message id, which does not end in `.reply`; for a reply `<message id>.reply`. */
  readonly id: string;
  /** the text; of a failed or cancelled reply what had been said until then. */
  readonly msg: string;
  readonly role: Role;
  /** ISO 8601 in UTC, from Redis' clock: accepted, or committed. */
  readonly timestamp: string;
  /** 1, 2, 3 … in the order of acceptance; a reply has the turn of its message. */
  readonly turn: number;
  /** the message that this reply answers. */
  readonly reply_to?: string | null;
  /** how a reply ended; None for the user's messages. */
  readonly status?: Status | null;
  readonly error?: Failure | null;
  readonly parts?: readonly Part[];
  /**
   * the message that this one is another version of, with another text or for another reply: always the first of all
   * versions. The history keeps them all; a view shows the last.
   */
  readonly replaces?: string | null;
  /** taken back while it waited; it is not shown, and neither is its outcome. */
  readonly withdrawn?: boolean;
  /** a reader's verdict on a reply. */
  readonly feedback?: Feedback | null;
  /** the reply whose question this message answers. */
  readonly answers?: string | null;
  /** the message whose reply also answers the one that this reply belongs to: this one is not shown. */
  readonly merged_into?: string | null;
}

export type Part = Reasoning | ToolCall | ToolResult | Source | File | Question | Data;
