/**
 * A server that only pretends, for looking at the page: `node dev/mock.js [port]` serves the built page under the real
 * policy, with sessions in memory. What it answers depends on words in the message (see session.js); POST /dev/<what>
 * plays the accidents.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

import { Session } from "./session.js";

const STATIC = process.env.STATIC ?? fileURLToPath(new URL("../../src/unbroken/server/static", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const sessions = new Map();
let down = false;

function create(name) {
  const id = randomBytes(9).toString("base64url").replace(/[-_]/g, "x");
  const session = new Session(id, name);
  session.token = `${id}.${randomBytes(18).toString("base64url")}`;
  sessions.set(id, session);
  return session;
}

function accident(what, query) {
  const session = sessions.get(query.get("id"));
  const sockets = [...sessions.values()].flatMap((one) => [...one.sockets]);
  if (what === "drop") for (const socket of sockets) socket.terminate();
  if (what === "down") (down = query.get("on") === "1") && sockets.forEach((socket) => socket.terminate());
  if (what === "expire" && sessions.delete(session.id)) for (const socket of session.sockets) socket.close(4000);
  if (what === "busy") session.busy = Number(query.get("count") ?? 1);
  if (what === "seed") session.seed(Number(query.get("count") ?? 10), query.get("text") ?? "plain");
  if (what === "pause") session.paused = query.get("on") === "1";
}

async function file(path, response) {
  const name = path === "/" ? "index.html" : path === "/widget" ? "widget.html" : normalize(path).replace(/^\/+/, "");
  try {
    const content = await readFile(join(STATIC, name));
    response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", "Content-Security-Policy": POLICY, "Cache-Control": "no-cache" });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://x");
  const json = (status, value) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  if (pathname.startsWith("/dev/")) {
    accident(pathname.slice(5), searchParams);
    return json(200, {});
  }
  if (down) return request.socket.destroy();
  if (pathname === "/bots") return json(200, { bots: [{ name: "", title: "", welcome: "", prompts: [] }] });
  if (pathname === "/token") {
    const session = create(searchParams.get("name"));
    return json(200, { token: session.token, session_id: session.id, name: session.name, session_start: session.start, messages: [] });
  }
  const [, , id, more] = /^\/(sessions)\/([^/]+)(\/export)?/.exec(pathname) ?? [];
  if (!id) return void file(pathname, response);
  const session = sessions.get(id);
  if (!session) return json(410, { error: { code: "session_gone", message: "The session is gone." } });
  if (request.method === "DELETE") {
    sessions.delete(id);
    for (const socket of session.sockets) socket.close(4000);
    return response.writeHead(204).end();
  }
  if (request.method === "PATCH") {
    let body = "";
    request.on("data", (chunk) => (body += chunk)).on("end", () => {
      session.rename(JSON.parse(body).name);
      json(200, {});
    });
    return;
  }
  if (more) return response.writeHead(200).end(JSON.stringify(session.messages));
  return json(200, { id, name: session.name, session_start: session.start, messages: session.messages });
});

const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "unbroken.v1" });
server.on("upgrade", (request, socket, head) => {
  const { searchParams } = new URL(request.url, "http://x");
  const token = /unbroken\.token\.([\w.-]+)/.exec(request.headers["sec-websocket-protocol"] ?? "")?.[1] ?? "";
  const session = sessions.get(token.split(".")[0]);
  if (down || session?.token !== token) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  sockets.handleUpgrade(request, socket, head, (opened) => session.attach(opened, searchParams.get("cursor")));
});

const port = Number(process.argv[2] ?? 0);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
