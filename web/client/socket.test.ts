/** The same over real sockets: what a handshake, a cut line and a refusal really look like to a page. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { type Environment, memoryStorage, type Socket } from "./environment";
import { createSession, deleteSession, exportSession, renameSession, RequestError } from "./http";
import { type Chat, openChat } from "./store";
import { READY, SESSION } from "./testing/world";
import type { Message } from "./protocol";

let http: Server;
let sockets: WebSocketServer;
let base: string;
let chat: Chat | null;
/** What the server does with a handshake. */
let admit: boolean;
/** For a machine that has much else to do. */
const PATIENCE = { timeout: 30_000 };
const requests: string[] = [];
const handshakes: { url: string; protocols: string }[] = [];

beforeEach(async () => {
  admit = true;
  chat = null;
  handshakes.length = requests.length = 0;
  http = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"} ${body}`);
    const refusal = { error: { code: "unauthorized", message: "no" } };
    const answers: Record<string, [number, object]> = {
      "POST /token?name=Ada": [200, { token: "s1.secret", session_id: "s1", name: "Ada", session_start: "2026-01-01T00:00:00Z" }],
      "POST /token?name=": [400, { detail: { loc: "name", msg: "Enter a valid name" } }],
      "POST /token?name=much": [429, { error: { code: "rate_limited", message: "slowly", retry_after: 7 } }],
      "GET /sessions/s1": [403, refusal],
      "PATCH /sessions/s1": [200, {}],
      "DELETE /sessions/s1": [403, refusal],
      "DELETE /sessions/s2": [503, { error: { code: "unavailable", message: "later" } }],
      "GET /sessions/s1/export?format=json": [200, { messages: [] }],
    };
    const [status, answer] = answers[`${request.method} ${request.url}`] ?? [404, {}];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "unbroken.v1" });
  http.on("upgrade", (request, socket, head) => {
    handshakes.push({ url: request.url ?? "", protocols: request.headers["sec-websocket-protocol"] ?? "" });
    if (admit) sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened));
    else socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  chat?.close();
  for (const socket of sockets.clients) socket.terminate();
  await new Promise((resolve) => http.close(resolve));
});

const environment: Environment = {
  now: () => Date.now(),
  random: () => 0,
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
  frame: (callback) => void setTimeout(callback),
  connect(url, protocols) {
    const socket = new WebSocket(url, protocols);
    socket.on("error", () => {}); // told by the close that follows
    return socket as unknown as Socket;
  },
  fetch: (url, init) => fetch(url, init),
  online: () => true,
  visible: () => true,
  watch: () => () => {},
  storage: memoryStorage(),
  watchStorage: () => () => {},
  id: () => "m1",
};

const message: Message = { id: "m1", msg: "hi", role: "user", timestamp: "t", turn: 1 };

test("a line that is cut in mid-answer, and the answer is whole", async () => {
  const say = (socket: WebSocket, ...events: object[]) => events.forEach((event) => socket.send(JSON.stringify(event)));
  let connections = 0;
  sockets.on("connection", (socket) => {
    connections += 1;
    say(socket, READY);
    if (connections === 1) say(socket, { type: "snapshot", messages: [], cursor: "c0" });
    else say(socket, { type: "reply.delta", turn: 1, text: "lo", cursor: "c4" });
    socket.on("message", (raw) => {
      if (connections > 1) return;
      expect(JSON.parse(String(raw))).toEqual({ type: "message.send", id: "m1", text: "hi" });
      say(
        socket,
        { type: "message.accepted", message, cursor: "c1" },
        { type: "reply.started", turn: 1, message_id: "m1", attempt: 1, text: "", cursor: "c2" },
        { type: "reply.delta", turn: 1, text: "Hel", cursor: "c3" },
      );
      setTimeout(() => socket.terminate(), 20);
    });
  });
  chat = openChat(SESSION, { base, environment });
  chat.send("hi");
  await vi.waitFor(() => expect(chat?.getSnapshot().turns[0]?.reply?.text).toBe("Hello"), PATIENCE);
  expect(handshakes).toEqual([
    { url: "/chat", protocols: "unbroken.v1,unbroken.token.s1.secret" },
    { url: "/chat?cursor=c3", protocols: "unbroken.v1,unbroken.token.s1.secret" },
  ]);
});

test("a handshake that is refused, because the session is gone", async () => {
  admit = false;
  chat = openChat(SESSION, { base, environment: { ...environment, random: () => 0.9 } });
  await vi.waitFor(() => expect(chat?.getSnapshot().connection).toMatchObject({ status: "gone", reason: "unauthorized" }), PATIENCE);
  expect(handshakes).toHaveLength(1);
});

test("a close code of the server", async () => {
  sockets.on("connection", (socket) => socket.close(4000, "session gone"));
  chat = openChat(SESSION, { base, environment });
  await vi.waitFor(() => expect(chat?.getSnapshot().connection).toMatchObject({ status: "gone", reason: "session_gone" }), PATIENCE);
});

test("creating, exporting, renaming and deleting a session", async () => {
  const options = { base, environment };
  expect(await createSession("Ada", options)).toEqual({
    id: "s1",
    token: "s1.secret",
    bot: "",
    name: "Ada",
    lastText: "",
    updatedAt: Date.parse("2026-01-01T00:00:00Z"),
  });
  expect(await new Response(await exportSession(SESSION, "json", options)).json()).toEqual({ messages: [] });
  await renameSession(SESSION, "Grace", options);
  await deleteSession(SESSION, options); // gone already
  expect(requests).toEqual([
    "POST /token?name=Ada - ",
    "GET /sessions/s1/export?format=json Bearer s1.secret ",
    'PATCH /sessions/s1 Bearer s1.secret {"name":"Grace"}',
    "DELETE /sessions/s1 Bearer s1.secret ",
  ]);
});

test.each([
  ["", { code: "http_400", message: "Enter a valid name", retryAfter: null }],
  ["much", { code: "rate_limited", message: "slowly", retryAfter: 7 }],
  ["other", { code: "http_404", message: "The server answered 404.", retryAfter: null }],
])("a name that is refused: %j", async (name, error) => {
  await expect(createSession(name, { base, environment })).rejects.toMatchObject({ name: "RequestError", ...error });
});

test("a session that could not be deleted, and a server that is not there", async () => {
  const options = { base, environment };
  await expect(deleteSession({ id: "s2", token: "t" }, options)).rejects.toMatchObject({ code: "unavailable" });
  const nowhere = { ...options, base: "http://127.0.0.1:9" };
  await expect(createSession("Ada", nowhere)).rejects.toBeInstanceOf(RequestError);
  await expect(createSession("Ada", nowhere)).rejects.toMatchObject({ code: "unreachable" });
});
