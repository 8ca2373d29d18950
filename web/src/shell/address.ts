/**
 * The address of the page names the chat, behind the `#` that browsers never send: no log of any server learns it.
 *
 * A shared link carries the session's secret there. It is read once, kept with the other sessions, and taken out of the
 * address bar, where shoulders and screenshots would see it; what stays is the name of the session.
 */
import { fragmentOf, fromFragment } from "../../client";

const CHAT = /^#chat=([\w-]+)$/;

export interface Address {
  /** The chat that the address names; null if none. */
  readonly id: string | null;
  /** A shared link brought the key to it. */
  readonly token: string | null;
}

export function readAddress(): Address {
  const shared = fromFragment(location.hash);
  if (shared) return shared;
  return { id: CHAT.exec(location.hash)?.[1] ?? null, token: null };
}

const home = (): string => location.pathname + location.search;

const addressOf = (id: string | null): string => (id === null ? home() : `${home()}#chat=${id}`);

/** Goes to another chat, so that the way back leads here. */
export function goTo(id: string | null): void {
  if (addressOf(id) !== location.pathname + location.search + location.hash) history.pushState(null, "", addressOf(id));
}

/** Puts another address in the place of this one. */
export function stayAt(id: string | null): void {
  history.replaceState(null, "", addressOf(id));
}

/** A link that opens this chat on any device. Whoever has it can read and write there. */
export const linkTo = (session: { readonly token: string }): string => location.origin + home() + fragmentOf(session);
