import type { Part } from "../../client/protocol";

/** How many tokens went into models for one reply, and came out of them. */
export type Usage = { readonly input: number; readonly output: number };

const isCount = (value: unknown): value is number => typeof value === "number" && value >= 0;

/** What a part tells about tokens; null if it is something else, or tells it in words of its own. */
export function usageOf(part: Part): Usage | null {
  if (part.type !== "data" || part.name !== "usage") return null;
  const { input_tokens: input, output_tokens: output } = (part.value ?? {}) as Readonly<Record<string, unknown>>;
  return isCount(input) && isCount(output) ? { input, output } : null;
}

/** What all parts of a reply tell together; null if none does. */
export function usage(parts: readonly Part[]): Usage | null {
  const told = parts.map(usageOf).filter((one) => one !== null);
  if (told.length === 0) return null;
  const sum = (count: (one: Usage) => number) => told.reduce((total, one) => total + count(one), 0);
  return { input: sum((one) => one.input), output: sum((one) => one.output) };
}
