/** What can be said about a file without loading it. */
import type { File } from "../../client/protocol";
import type { Language } from "../i18n/languages";

/**
 * Where a file is, or null if nobody should be led there: only to the web. Unlike those in a text, addresses of files
 * may be relative, because a bot, and no model, writes them.
 */
export function fileUrl(href: string, base: string = location.origin): string | null {
  try {
    const url = new URL(href, base);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** What to call a file: its name, or the last part of its address. */
export function fileName({ name, url }: File): string {
  if (name) return name;
  const last = url.replace(/[?#].*$/s, "").split("/").findLast(Boolean) ?? url;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** What its name ends in, or else the second half of its media type, where that is short: "PDF". */
export function fileKind(file: File): string {
  const ending = /\.(\w{1,5})$/.exec(fileName(file))?.[1] ?? /\/(\w{1,5})$/.exec(file.media_type ?? "")?.[1] ?? "";
  return ending.toUpperCase();
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** How large it is, as the language writes it: "1.2 MB". Empty if that is not known. */
export function fileSize({ size }: File, language: Language): string {
  if (size == null || !(size >= 0)) return "";
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(size || 1) / 3)));
  const format = { style: "unit", unit: UNITS[power], unitDisplay: power ? "short" : "long", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, format).format(size / 1000 ** power);
}
