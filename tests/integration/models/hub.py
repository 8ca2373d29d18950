"""A server on the loopback that behaves as the Hugging Face hub does for models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_good"


class Hub(ThreadingHTTPServer):
    """Serves files by repository. One whose name begins with `gated` needs the token."""

    daemon_threads = True

    def __init__(self, files: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.asked: list[str] = []
        self.cut: int | None = None
        """After so many bytes the next download breaks off."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Hub]:
        thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        match path.split("/"):
            case ["", "api", "models", org, name] if found := self.server.files.get(f"{org}/{name}"):
                listed = {"id": f"{org}/{name}", "sha": COMMIT, "siblings": [{"rfilename": one} for one in found]}
                self._answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})
            case ["", org, name, "resolve", _, *file] if found := self.server.files.get(f"{org}/{name}"):
                if org == "gated" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    self._answer(403, b"", {"X-Error-Code": "GatedRepo"})
                elif "/".join(file) in found:
                    self._file(found["/".join(file)])
                else:
                    self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            case _:
                self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _file(self, content: bytes) -> None:
        etag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if wanted := self.headers.get("Range"):
            first = int(wanted.removeprefix("bytes=").partition("-")[0])
            etag["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self._answer(206, content[first:], etag)
        else:
            self._answer(200, content, etag)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.server.cut is not None and len(body) > self.server.cut:
            body, self.server.cut, self.close_connection = body[: self.server.cut], None, True
        self.wfile.write(body)
