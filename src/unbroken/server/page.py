"""The web page as it was built, with headers under which nothing but the page itself can run.

All files are read once, when the application is made: what a server serves belongs together, even while the next build
is written into the same folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

STATIC = Path(__file__).parent / "static"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}

CODINGS = {"br": ".br", "gzip": ".gz"}
"""The compressed copies that lie beside a file, best first."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors "
)

HEADERS = {
    "content-security-policy": f"{POLICY}'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

REVALIDATE = "no-cache"
FOREVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=3600"

_ORIGIN = re.compile(r"https?://[\w.*:\[\]-]+|\*")


class Asset(NamedTuple):
    """One file.

    Attributes:
        etag: a digest of the content; each coding has an entity tag of its own made from it.
        codings: the content by its coding; `identity` is always there.
    """

    type: str
    etag: str
    codings: dict[str, bytes]

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Reads a file and its compressed copies."""
        content = path.read_bytes()
        copies = {coding: path.with_name(path.name + suffix) for coding, suffix in CODINGS.items()}
        codings = {coding: copy.read_bytes() for coding, copy in copies.items() if copy.is_file()}
        return cls(TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:20], codings | {"identity": content})

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        """This file in the best coding that the client takes, or 304 if it has that already."""
        coding = best_coding(request.headers.get("accept-encoding", ""), self.codings)
        content = self.codings[coding]
        tag = f'"{self.etag}-{coding}"'
        headers = headers | {"etag": tag, "vary": "accept-encoding"}
        known = request.headers.get("if-none-match", "")
        if tag in (one.strip().removeprefix("W/") for one in known.split(",")) or known.strip() == "*":
            return Response(status_code=304, headers=headers)
        headers |= {"content-type": self.type, "content-length": str(len(content))}
        if coding != "identity":
            headers["content-encoding"] = coding
        return Response(b"" if request.method == "HEAD" else content, headers=headers)


def mount_page(app: FastAPI, allowed_origins: Iterable[str] = (), folder: Path = STATIC) -> None:
    """Adds the page at `/`, the widget at `/widget` and `/widget.js`, and what both of them load.

    Where the page was not built the application works without it, and `/` says how to build it.

    Args:
        app: where the routes are added.
        allowed_origins: whose pages may show the widget in a frame; `*` for any.
        folder: what the build wrote.
    """
    if not (folder / "index.html").is_file():
        app.add_route("/", _not_built, include_in_schema=False)
        return
    assets = {
        path.relative_to(folder).as_posix(): Asset.read(path)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in TYPES
    }
    # a frame of another site, which may itself demand that all it loads says so
    embedded = {
        "content-security-policy": POLICY + frame_ancestors(allowed_origins),
        "cross-origin-opener-policy": "unsafe-none",
        "cross-origin-resource-policy": "cross-origin",
    }
    script = {"cross-origin-resource-policy": "cross-origin", "access-control-allow-origin": "*"}
    for path, name, caching, more in (
        ("/", "index.html", REVALIDATE, {}),
        ("/widget", "widget.html", REVALIDATE, embedded),
        ("/widget.js", "widget.js", A_WHILE, script),
        ("/icon.svg", "icon.svg", A_WHILE, {}),
        ("/icon-maskable.svg", "icon-maskable.svg", A_WHILE, {}),
        ("/manifest.webmanifest", "manifest.webmanifest", A_WHILE, {}),
    ):
        headers = HEADERS | {"cache-control": caching} | more
        app.add_route(path, _one(assets[name], headers), include_in_schema=False)

    hashed = HEADERS | {"cache-control": FOREVER}

    async def asset(request: Request) -> Response:
        found = assets.get(f"assets/{request.path_params['name']}")
        if found is None:
            raise HTTPException(404)
        return found.answer(request, hashed)

    app.add_route("/assets/{name}", asset, include_in_schema=False)


def _one(asset: Asset, headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return asset.answer(request, headers)

    return endpoint


async def _not_built(_: Request) -> Response:
    return PlainTextResponse("The web page was not built: run `make web`. Everything else works.\n", 503)


def frame_ancestors(origins: Iterable[str]) -> str:
    """Who may show the widget, in the words of a Content-Security-Policy. What is no origin is left out."""
    stripped = (origin.rstrip("/") for origin in origins)
    return " ".join(["'self'", *(origin for origin in stripped if _ORIGIN.fullmatch(origin))])


def best_coding(accepted: str, there: Iterable[str]) -> str:
    """The best of the codings that are there which an Accept-Encoding header allows."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, parameter = part.partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter)
        weights[coding.strip()] = float(weight[1]) if weight else 1.0
    usable = [coding for coding in CODINGS if coding in there and weights.get(coding, weights.get("*", 0.0)) > 0]
    # the client's preference first, and the smaller one where it has none
    return max(usable, key=lambda coding: weights.get(coding, weights.get("*", 0.0)), default="identity")
