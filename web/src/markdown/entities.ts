/**
 * Character references: `&amp;`, `&eacute;`, `&#x1F600;`.
 *
 * The usual trick, to let the parser of the browser decode them, needs an HTML string, which Trusted Types forbid. So
 * there are tables: the few names that occur all the time here, all 2,125 in a file that is loaded when the first other
 * name is met. Until it is there the text shows the name itself, and afterwards everybody who listens renders again.
 */

import { Later } from "../later";

const COMMON: Readonly<Record<string, string>> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00A0", ndash: "–", mdash: "—", hellip: "…", bull: "•",
  middot: "·", times: "×", minus: "−", plusmn: "±", deg: "°", euro: "€", copy: "©", reg: "®", trade: "™", para: "¶",
  sect: "§", laquo: "«", raquo: "»", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", larr: "←", rarr: "→", le: "≤",
  ge: "≥", ne: "≠", infin: "∞",
};

const REFERENCE = /&(?:#[xX]([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-zA-Z][a-zA-Z0-9]{1,31}));/g;

const all = new Later(() => import("character-entities"));

function named(name: string): string | null {
  const table: Readonly<Record<string, string>> = all.get()?.characterEntities ?? COMMON;
  if (Object.hasOwn(table, name)) return table[name] ?? null;
  void all.start();
  return null;
}

function numbered(code: number): string {
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : "\uFFFD";
}

/** Replaces every character reference by its character, once: `&amp;lt;` becomes `&lt;`. */
export function decode(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(REFERENCE, (raw: string, hex?: string, decimal?: string, name?: string) => {
    if (hex) return numbered(Number.parseInt(hex, 16));
    if (decimal) return numbered(Number.parseInt(decimal, 10));
    return (name && named(name)) ?? raw;
  });
}

/** Calls back when the full table has arrived. */
export const subscribe = all.listen;

/** True once every name is known. */
export const complete = (): boolean => all.get() !== null;
