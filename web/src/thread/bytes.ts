const encoder = new TextEncoder();

/** Bytes of a text in UTF-8, which is how the server measures it. */
export const bytes = (text: string): number => encoder.encode(text).length;

/** How many more bytes fit, once that is near; null while there is plenty of room. */
export function room(text: string, limit: number | undefined): number | null {
  // no character takes more than three bytes for each of its code units
  if (limit === undefined || text.length * 3 < limit * 0.9) return null;
  const left = limit - bytes(text);
  return left < limit * 0.1 ? left : null;
}
