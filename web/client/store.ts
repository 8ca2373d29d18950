/** One open session: its state, its connection and its outbox, as one thing to subscribe to. */
import { browser, type Environment } from "./environment";
import { type Kept, OUTBOX_LIMIT, Outbox, plain } from "./outbox";
import type { Event, Feedback } from "./protocol";
import { type Action, reduce } from "./reducer";
import { Sender } from "./sender";
import { type Asked, EMPTY, type Pending, type State } from "./state";
import { Transport } from "./transport";

export interface ChatOptions {
  /** Address of the server, without a slash at the end; by default the page's own. */
  readonly base?: string;
  readonly environment?: Environment;
}

/** Opens a session and keeps it open until `close`. */
export function openChat(session: { readonly id: string; readonly token: string }, options: ChatOptions = {}): Chat {
  return new Chat(session, options);
}

export class Chat {
  readonly #environment: Environment;
  readonly #outbox: Outbox;
  readonly #transport: Transport;
  readonly #sender: Sender;
  readonly #listeners = new Set<() => void>();
  readonly #unwatchStorage: () => void;
  /** Taken back before the server accepted them, though they may have reached it. */
  readonly #dropped = new Set<string>();
  #state: State;
  /** What subscribers see; it follows the state at most once per picture while events come in. */
  #shown: State;
  #frameAsked = false;

  constructor(
    session: { readonly id: string; readonly token: string },
    { base = location.origin, environment = browser() }: ChatOptions,
  ) {
    this.#environment = environment;
    this.#outbox = new Outbox(environment, session.id);
    this.#state = this.#shown = { ...EMPTY, pending: this.#outbox.messages.map(unsent) };
    const state = () => this.#state;
    this.#transport = new Transport({
      environment,
      base,
      session,
      cursor: () => this.#state.cursor,
      expecting: () => this.#state.turns.some((turn) => turn.reply === null || turn.reply.status === "running"),
      onEvent: (event) => this.#received(event),
      onConnection: (connection) => this.#act({ type: "local.connection", connection }),
      onLost: () => this.#sender.stop(),
    });
    this.#sender = new Sender({
      environment,
      transport: this.#transport,
      outbox: this.#outbox,
      state,
      dispatch: (action) => this.#act(action),
    });
    this.#unwatchStorage = environment.watchStorage((key) => {
      if (this.#outbox.owns(key)) this.#followOtherTabs();
    });
    this.#transport.open();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): State => this.#shown;

  /**
   * Sends a message, now or as soon as there is a connection: another version of one, the answer to a reply that ended
   * with a question, or a new one. Returns its id.
   */
  send(text: string, also: Pick<Kept, "replaces" | "answers"> = {}): string {
    const message: Kept = { id: this.#environment.id(), text, createdAt: this.#outbox.next(), ...also };
    if (this.#outbox.full) {
      const error = { code: "busy", message: `${OUTBOX_LIMIT} messages wait already.` };
      this.#act({ type: "local.send", message: { ...message, step: "refused", error } });
    } else {
      this.#add(message);
    }
    return message.id;
  }

  /** Gives a message that waits another text. */
  edit(messageId: string, text: string): void {
    const pending = this.#pending(messageId);
    if (pending === undefined) return this.#ask({ type: "message.edit", message_id: messageId, text });
    const replacement = { ...plain(pending), text };
    this.withdraw(messageId);
    // the server knows an id with one text only, and may know this one already
    this.#add(this.#sender.written(messageId) ? { ...replacement, id: this.#environment.id() } : replacement);
  }

  /** Takes back a message that waits, was refused, or is on its way. */
  withdraw(messageId: string): void {
    const pending = this.#pending(messageId);
    if (pending === undefined) return this.#ask({ type: "message.withdraw", message_id: messageId });
    this.#outbox.remove(messageId);
    if (this.#sender.written(messageId)) this.#dropped.add(messageId);
    this.#act({ type: "local.forget", id: messageId });
    this.#sender.pump();
  }

  /** Sends a message once more that was refused. */
  retry(messageId: string): void {
    const pending = this.#pending(messageId);
    if (pending) this.#sender.retry(pending);
  }

  /** Sends an answer that came too late as a message of its own, which answers no other question either. */
  sendAnyway(messageId: string): void {
    const pending = this.#pending(messageId);
    if (pending === undefined) return;
    this.withdraw(messageId);
    this.send(pending.text, { answers: "-" });
  }

  /** Moves a message that waits to the head of the queue, and stops the running reply. */
  sendNow(messageId: string): void {
    this.#ask({ type: "message.send_now", message_id: messageId });
  }

  /** Stops the reply to a message; what was said stays. */
  stop(messageId: string): void {
    if (this.#pending(messageId)) return this.withdraw(messageId);
    this.#ask({ type: "reply.cancel", message_id: messageId });
  }

  feedback(replyId: string, value: Feedback | null): void {
    this.#ask({ type: "message.feedback", message_id: replyId, value });
  }

  /** False if there is no connection; it is not asked again. */
  rename(name: string): boolean {
    return this.#transport.send({ type: "session.rename", name });
  }

  dismiss(): void {
    this.#act({ type: "local.dismiss" });
  }

  /** Connects now. */
  reconnect(): void {
    this.#transport.reconnect();
  }

  close(): void {
    this.#transport.close();
    this.#sender.close();
    this.#unwatchStorage();
    this.#listeners.clear();
  }

  #pending(id: string): Pending | undefined {
    return this.#state.pending.find((message) => message.id === id);
  }

  #answered(id: string): boolean {
    const reply = this.#state.turns.find((turn) => turn.message.id === id)?.reply;
    return reply != null && reply.status !== "running";
  }

  #add(message: Kept): void {
    this.#outbox.put(message);
    this.#act({ type: "local.send", message: unsent(message) });
    this.#sender.pump();
  }

  /** Asks now, and again after a reconnect, until it is answered. */
  #ask(asked: Asked): void {
    const before = this.#state;
    this.#act({ type: "local.ask", asked });
    if (this.#state !== before) this.#transport.send(asked);
  }

  #received(event: Event): void {
    this.#state = reduce(this.#state, event);
    switch (event.type) {
      case "session.ready":
        this.#outbox.acknowledges = event.acknowledges ?? false;
        this.#sender.start();
        break;
      case "snapshot":
        this.#settle();
        break;
      case "message.accepted":
        this.#withdrawDropped(event.message.id);
        break;
      case "reply.completed":
      case "reply.failed":
      case "reply.cancelled":
        if (event.message.reply_to) this.#outbox.settled(event.message.reply_to);
        break;
      case "message.acknowledged":
        this.#outbox.acknowledged(event.message_id);
        if (this.#answered(event.message_id)) this.#outbox.settled(event.message_id);
        break;
      case "message.edited": {
        const kept = this.#outbox.messages.find((message) => message.id === event.message.id);
        if (kept) this.#outbox.put({ ...kept, text: event.message.msg });
        break;
      }
      case "message.withdrawn":
        this.#outbox.remove(event.message_id);
        break;
      case "error":
        this.#sender.refused(event);
        break;
    }
    this.#sender.pump();
    this.#showSoon();
  }

  /** Compares what is kept with a snapshot: what has an outcome is done, and what the server lost is sent again. */
  #settle(): void {
    const turns = new Map(this.#state.turns.map((turn) => [turn.message.id, turn]));
    for (const message of this.#outbox.messages) {
      const turn = turns.get(message.id);
      if (turn?.message.withdrawn) this.#outbox.remove(message.id);
      else if (turn?.reply) this.#outbox.settled(message.id);
      if (turn || this.#pending(message.id)) continue;
      this.#state = reduce(this.#state, { type: "local.send", message: unsent(message) });
    }
    for (const id of turns.keys()) this.#withdrawDropped(id);
  }

  #withdrawDropped(id: string): void {
    if (this.#dropped.delete(id)) this.#ask({ type: "message.withdraw", message_id: id });
  }

  #followOtherTabs(): void {
    const { added, removed } = this.#outbox.refresh();
    for (const message of added) {
      const known = this.#pending(message.id);
      if (known?.step !== "sending") this.#act({ type: "local.send", message: unsent(message) });
    }
    for (const id of removed) {
      if (this.#pending(id)?.step !== "sending") this.#act({ type: "local.forget", id });
    }
    this.#sender.pump();
  }

  /** What this page does itself is shown at once. */
  #act(action: Action): void {
    this.#state = reduce(this.#state, action);
    this.#show();
  }

  #showSoon(): void {
    if (this.#frameAsked) return;
    this.#frameAsked = true;
    this.#environment.frame(() => {
      this.#frameAsked = false;
      this.#show();
    });
  }

  #show(): void {
    if (this.#shown === this.#state) return;
    this.#shown = this.#state;
    for (const listener of this.#listeners) listener();
  }
}

function unsent(message: Kept): Pending {
  return { ...message, step: "waiting" };
}
