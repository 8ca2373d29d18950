/**
 * What is sent, and when. Messages leave one at a time: the next one only when the server accepted the one before, or
 * refused it for good, so that their order is the reader's whatever is lost, refused for now or sent again.
 */
import type { Environment } from "./environment";
import { type Kept, type Outbox, plain } from "./outbox";
import { ERRORS, type Event, type MessageSend } from "./protocol";
import type { Action } from "./reducer";
import type { Pending, State } from "./state";
import { backoff, type Transport } from "./transport";

/** A message that got no answer by then was lost on the way, or the connection is dead. */
const ANSWER_TIMEOUT = 10_000;
/** Refusals without a named wait, of a defect of the server, after which a message is not sent again by itself. */
const DEFECTS = 5;

const byteLength = (text: string) => new TextEncoder().encode(text).length;

export interface SenderOptions {
  readonly environment: Environment;
  readonly transport: Transport;
  readonly outbox: Outbox;
  state(): State;
  dispatch(action: Action): void;
}

export class Sender {
  readonly #options: SenderOptions;
  /** Messages that may have reached the server. */
  readonly #written: Set<string>;
  /** Messages that were sent on this connection. */
  readonly #sent = new Set<string>();
  readonly #refusals = new Map<string, number>();
  #cancelAnswer: (() => void) | null = null;
  #cancelRetry: (() => void) | null = null;
  #cancelConfirm: (() => void) | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
    // what an earlier page left behind may have been sent by it
    this.#written = new Set(options.outbox.messages.map((message) => message.id));
  }

  /** Whether the server may know this message already. */
  written(id: string): boolean {
    return this.#written.has(id);
  }

  /**
   * A connection is ready. First everything that is kept is sent again: what the server knows counts once, and what it
   * lost in a failover is accepted anew. Then what the reader asked for, and then what is new.
   */
  start(): void {
    const { state, transport } = this.#options;
    this.#repeat(() => true);
    for (const { asked } of state().turns) {
      if (asked) transport.send(asked);
    }
    this.pump();
  }

  /** The connection is gone: what was on its way goes again. */
  stop(): void {
    this.#cancelAnswer?.();
    this.#cancelAnswer = null;
    this.#cancelConfirm?.();
    this.#cancelConfirm = null;
    this.#sent.clear();
    for (const message of this.#options.state().pending) {
      if (message.step === "sending") this.#become(message, { step: "waiting" });
    }
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#cancelAnswer?.();
    this.#cancelRetry?.();
    this.#cancelConfirm?.();
  }

  /** Sends what is not safe yet and was not sent on this connection, and the next message, if it is its turn. */
  pump(): void {
    const { environment, outbox, transport, state } = this.#options;
    if (transport.ready) this.#repeat((id) => !outbox.safe(id));
    const next = state().pending.find((message) => message.step !== "refused");
    if (next?.step !== "sending") {
      this.#cancelAnswer?.();
      this.#cancelAnswer = null;
    }
    if (!next || next.step === "sending" || !transport.ready) return;
    const early = next.step === "busy" ? (next.retryAt ?? 0) - environment.now() : 0;
    if (early > 0) {
      // timers of browsers are not exact: this one may come a millisecond too soon, and is then set again
      this.#cancelRetry?.();
      this.#cancelRetry = environment.after(Math.ceil(early), () => this.pump());
      return;
    }

    const limit = state().limits?.message_bytes ?? Number.POSITIVE_INFINITY;
    if (byteLength(next.text) > limit) {
      const message = `The message is longer than the ${limit} bytes that the server takes.`;
      this.#become(next, { step: "refused", error: { code: "bad_message", message } });
      return this.pump();
    }
    this.#written.add(next.id);
    this.#send(next);
    this.#become(next, { step: "sending" });
    this.#cancelAnswer = environment.after(ANSWER_TIMEOUT, () => transport.check());
  }

  /** The server refused a message. */
  refused(error: Extract<Event, { type: "error" }>): void {
    const { environment, outbox, state } = this.#options;
    const wait = (refusals: number) =>
      error.retry_after != null
        ? error.retry_after * 1000 * (1 + environment.random() / 4)
        : 500 + backoff(refusals, environment.random);

    const { message_id: id } = error;
    const message = state().pending.find((pending) => pending.id === id);
    if (!id || !(message || outbox.has(id))) return;
    const refusals = (this.#refusals.get(id) ?? 0) + 1;
    this.#refusals.set(id, refusals);
    const forNow = error.code in ERRORS && ERRORS[error.code as keyof typeof ERRORS].retry;
    if (message === undefined || error.code === "unacknowledged") {
      // the server has it, but not as safely as it was told to: the same again confirms it
      if (forNow) this.#confirm(wait(refusals));
      return;
    }
    const notice = {
      code: error.code,
      message: error.message,
      ...(error.reference ? { reference: error.reference } : {}),
    };
    if (!forNow || (error.code === "internal" && refusals >= DEFECTS)) {
      this.#become(message, { step: "refused", error: notice });
    } else {
      this.#become(message, { step: "busy", error: notice, retryAt: environment.now() + wait(refusals) });
    }
    this.pump();
  }

  /** Once more, because the reader asked for it. */
  retry(message: Pending): void {
    this.#refusals.delete(message.id);
    this.#become(message, { step: "waiting" });
    this.pump();
  }

  #send(message: Kept): void {
    this.#sent.add(message.id);
    this.#options.transport.send(toSend(message));
  }

  /** Sends what is kept once more, in order, but not what goes when its turn comes nor what went on this connection. */
  #repeat(which: (id: string) => boolean): void {
    const { outbox, state } = this.#options;
    if (outbox.messages.length === 0) return;
    const later = new Set(state().pending.flatMap(({ id, step }) => (step === "sending" ? [] : [id])));
    for (const message of outbox.messages) {
      if (!later.has(message.id) && !this.#sent.has(message.id) && which(message.id)) this.#send(message);
    }
  }

  /** Soon sends all again that is not safe: not one of them alone, since a failover may have lost those before it too. */
  #confirm(wait: number): void {
    this.#cancelConfirm ??= this.#options.environment.after(wait, () => {
      this.#cancelConfirm = null;
      this.#sent.clear();
      this.pump();
    });
  }

  #become(message: Pending, how: Pick<Pending, "step" | "error" | "retryAt">): void {
    this.#options.dispatch({ type: "local.pending", message: { ...plain(message), ...how } });
  }
}

function toSend(message: Kept): MessageSend {
  const { createdAt: _, ...sent } = plain(message);
  return { type: "message.send", ...sent };
}
