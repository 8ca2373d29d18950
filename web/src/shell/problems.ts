import { useCallback } from "react";

import { RequestError } from "../../client";
import { useText } from "../i18n/useText";

/** Says in plain words why a request failed. */
export function useProblem(): (error: unknown) => string {
  const t = useText();
  return useCallback(
    (error) => {
      if (!(error instanceof RequestError)) return t("problem.unknown");
      if (error.code === "unreachable") return t("problem.unreachable");
      if (error.retryAfter !== null) return t("problem.later", { count: Math.ceil(error.retryAfter) });
      return error.message;
    },
    [t],
  );
}
