import { useCallback } from "react";

import { RequestError } from "../../client";
import type { Text } from "../i18n/text";
import { useText } from "../i18n/useText";

const TOO_MANY: ReadonlySet<string> = new Set(["busy", "rate_limited", "http_429"]);

/** Says in plain words why a request failed. */
export function problem(t: Text, error: unknown): string {
  if (!(error instanceof RequestError)) return t("problem.unknown");
  const { code, retryAfter } = error;
  if (retryAfter !== null) return t(TOO_MANY.has(code) ? "problem.later" : "problem.unavailable", { count: Math.ceil(retryAfter) });
  // a proxy in front of the server says in numbers that nobody is behind it
  if (code === "unreachable" || code.startsWith("http_5")) return t("problem.unreachable");
  return error.message;
}

export function useProblem(): (error: unknown) => string {
  const t = useText();
  return useCallback((error) => problem(t, error), [t]);
}
