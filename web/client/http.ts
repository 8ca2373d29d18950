/** The few things that are asked for over HTTP: creating, renaming, deleting and exporting a session. */
import { browser, type Environment } from "./environment";
import type { SavedSession } from "./sessions";

/** A server that cannot take a request now is asked again for so long, in milliseconds. */
const PATIENCE = 10_000;

/** The server, or the way to it, refused a request. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  constructor(
    message: string,
    /** A code of the protocol, `unreachable`, or `http_<status>`. */
    readonly code: string,
    /** Seconds after which the same request may succeed. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export interface RequestOptions {
  /** Address of the server, without a slash at the end; by default the page's own. */
  readonly base?: string;
  readonly environment?: Pick<Environment, "fetch" | "now" | "after">;
}

/** A bot as a reader sees it. */
export interface Bot {
  /** What a new session asks for; empty if there is only one. */
  readonly name: string;
  /** What to call it; may be empty then, too. */
  readonly title: string;
  /** What an empty chat says first. */
  readonly welcome: string;
  /** Suggestions for a first message. */
  readonly prompts: readonly string[];
}

/** The bots of the server, the default one first. Throws `RequestError`. */
export async function listBots(options: RequestOptions = {}): Promise<readonly Bot[]> {
  const answer = await request("/bots", "GET", null, options);
  return ((await answer.json()) as { readonly bots: readonly Bot[] }).bots;
}

/**
 * Creates a session. `bot`: which one answers, by its name; without it the first. `key`: an API key or JWT, where the
 * server wants one. Throws `RequestError`.
 */
export async function createSession(
  name: string,
  { bot = "", key, ...options }: RequestOptions & { readonly bot?: string; readonly key?: string } = {},
): Promise<SavedSession> {
  const path = `/token?name=${encodeURIComponent(name)}${bot && `&bot=${encodeURIComponent(bot)}`}`;
  const answer = await request(path, "POST", key ?? null, options);
  const { token, session_id, session_start } = (await answer.json()) as Record<string, string>;
  if (!token) throw new RequestError("The server's answer holds no token.", "internal");
  return {
    id: session_id ?? token.split(".", 1)[0] ?? "",
    token,
    name,
    bot,
    lastText: "",
    updatedAt: session_start ? Date.parse(session_start) : (options.environment ?? browser()).now(),
  };
}

/** Deletes a session with everything in it; one that is gone already is fine. Throws `RequestError`. */
export async function deleteSession(
  session: { readonly id: string; readonly token: string },
  options: RequestOptions = {},
): Promise<void> {
  try {
    await request(`/sessions/${encodeURIComponent(session.id)}`, "DELETE", session.token, options);
  } catch (error) {
    const gone = ["session_gone", "unauthorized", "http_404"];
    if (!(error instanceof RequestError && gone.includes(error.code))) throw error;
  }
}

/** Gives a session another name, whether it is open or not. Throws `RequestError`. */
export async function renameSession(
  session: { readonly id: string; readonly token: string },
  name: string,
  options: RequestOptions = {},
): Promise<void> {
  await request(`/sessions/${encodeURIComponent(session.id)}`, "PATCH", session.token, options, { name });
}

/** The whole session as one document. Throws `RequestError`. */
export async function exportSession(
  session: { readonly id: string; readonly token: string },
  format: "markdown" | "json",
  options: RequestOptions = {},
): Promise<Blob> {
  const path = `/sessions/${encodeURIComponent(session.id)}/export?format=${format}`;
  return (await request(path, "GET", session.token, options)).blob();
}

interface Refusal {
  readonly error?: { readonly code?: string; readonly message?: string; readonly retry_after?: number };
  readonly detail?: unknown;
}

/** Each of the requests here may be repeated. */
async function request(
  path: string,
  method: string,
  token: string | null,
  options: RequestOptions,
  content?: object,
): Promise<Response> {
  const { base = location.origin, environment = browser() } = options;
  const headers = {
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    ...(content === undefined ? {} : { "Content-Type": "application/json" }),
  };
  const body = content === undefined ? null : JSON.stringify(content);
  const deadline = environment.now() + PATIENCE;
  for (;;) {
    let answer: Response;
    try {
      answer = await environment.fetch(base + path, { method, headers, body, cache: "no-store", credentials: "omit" });
    } catch {
      throw new RequestError("The server cannot be reached.", "unreachable");
    }
    if (answer.ok) return answer;
    const refusal = await refused(answer);
    const wait = (refusal.retryAfter ?? Number.POSITIVE_INFINITY) * 1000;
    if (answer.status !== 503 || environment.now() + wait > deadline) throw refusal;
    await new Promise<void>((resolve) => environment.after(Math.max(wait, 500), resolve));
  }
}

async function refused(answer: Response): Promise<RequestError> {
  const { error, detail } = ((await answer.json().catch(() => null)) ?? {}) as Refusal;
  const after = error?.retry_after ?? Number(answer.headers.get("retry-after") ?? Number.NaN);
  return new RequestError(
    error?.message ?? sentence(detail) ?? `The server answered ${answer.status}.`,
    error?.code ?? `http_${answer.status}`,
    Number.isFinite(after) ? after : null,
  );
}

/** What `/token` says when it refuses: a sentence, or `{loc, msg}`. */
function sentence(detail: unknown): string | undefined {
  if (typeof detail === "string") return detail;
  const { msg } = (detail ?? {}) as { msg?: unknown };
  return typeof msg === "string" ? msg : undefined;
}
