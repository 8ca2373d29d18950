"""The page: what is served, in which coding, and under which headers."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from unbroken.server.page import best_coding, frame_ancestors, mount_page

FILES = {
    "index.html": "<!doctype html><title>page</title>",
    "widget.html": "<!doctype html><title>widget</title>",
    "widget.js": "bubble",
    "icon.svg": "<svg/>",
    "icon-maskable.svg": "<svg/>",
    "manifest.webmanifest": "{}",
    "build.json": "{}",
    "assets/main-abc.js": "x" * 100,
    "assets/main-abc.js.br": "brotli",
}
GZIPPED = gzip.compress(b"the gzip copy")

PAGES = [
    "/",
    "/widget",
    "/widget.js",
    "/icon.svg",
    "/icon-maskable.svg",
    "/manifest.webmanifest",
    "/assets/main-abc.js",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (tmp_path / "assets/main-abc.js.gz").write_bytes(GZIPPED)
    return tmp_path


class Client:
    """Asks an application in this process. Nothing is asked for but what a test says."""

    def __init__(self, folder: Path, *origins: str) -> None:
        app = FastAPI()
        mount_page(app, origins, folder)
        headers = {"accept-encoding": "identity"}
        self._client = AsyncClient(transport=ASGITransport(app), base_url="http://chat.test", headers=headers)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Response:
        return asyncio.run(self._client.get(path, headers=headers))

    def head(self, path: str, headers: dict[str, str] | None = None) -> Response:
        return asyncio.run(self._client.head(path, headers=headers))


def directives(policy: str) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


@pytest.mark.parametrize(
    ("path", "name", "type_"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/widget", "widget.html", "text/html; charset=utf-8"),
        ("/widget.js", "widget.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "icon.svg", "image/svg+xml"),
        ("/manifest.webmanifest", "manifest.webmanifest", "application/manifest+json"),
        ("/assets/main-abc.js", "assets/main-abc.js", "text/javascript; charset=utf-8"),
    ],
)
def test_each_file_has_its_address_and_its_type(folder: Path, path: str, name: str, type_: str) -> None:
    response = Client(folder).get(path)
    assert response.status_code == 200
    assert response.text == FILES[name]
    assert response.headers["content-type"] == type_


@pytest.mark.parametrize("path", PAGES)
def test_no_file_can_run_what_is_not_ours(folder: Path, path: str) -> None:
    headers = Client(folder).get(path).headers
    policy = directives(headers["content-security-policy"])
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in headers["permissions-policy"]


def test_only_the_widget_may_be_framed_and_only_by_whom_the_deployment_names(folder: Path) -> None:
    served = Client(folder, "https://one.example", "http://localhost:3000")
    page, widget = served.get("/").headers, served.get("/widget").headers
    assert directives(page["content-security-policy"])["frame-ancestors"] == "'none'"
    assert page["cross-origin-opener-policy"] == page["cross-origin-resource-policy"] == "same-origin"
    ancestors = directives(widget["content-security-policy"])["frame-ancestors"]
    assert ancestors == "'self' https://one.example http://localhost:3000"
    assert widget["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("origins", "ancestors"),
    [
        ([], "'self'"),
        (["*"], "'self' *"),
        (["https://a.example/", "http://[::1]:8000"], "'self' https://a.example http://[::1]:8000"),
        (["https://a.example; script-src *", "https://b.example\r\nx: y", "null", "javascript:"], "'self'"),
    ],
)
def test_what_is_no_origin_does_not_get_into_the_policy(origins: list[str], ancestors: str) -> None:
    assert frame_ancestors(origins) == ancestors


def test_any_site_may_load_the_widgets_script(folder: Path) -> None:
    headers = Client(folder).get("/widget.js").headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"


def test_names_that_change_with_their_content_are_kept_and_pages_are_asked_for_again(
    folder: Path,
) -> None:
    served = Client(folder)
    assert "immutable" in served.get("/assets/main-abc.js").headers["cache-control"]
    assert served.get("/").headers["cache-control"] == "no-cache"
    assert served.get("/widget").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, gzip", "gzip"),
        ("br;q=0, gzip;q=0", "identity"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("br;q=0, *", "gzip"),
        ("", "identity"),
        ("GZIP ; q=0.5", "gzip"),
        ("br;q=x", "br"),
    ],
)
def test_the_best_coding_that_a_client_takes(accepted: str, coding: str) -> None:
    assert best_coding(accepted, {"br": b"", "gzip": b"", "identity": b""}) == coding


def test_a_coding_that_is_not_there_is_not_chosen() -> None:
    assert best_coding("br, gzip", {"gzip": b"", "identity": b""}) == "gzip"


def test_compressed_copies_are_sent_as_they_are(folder: Path) -> None:
    response = Client(folder).get("/assets/main-abc.js", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-length"] == str(len(GZIPPED))
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.text == "the gzip copy"


def test_what_the_client_has_is_not_sent_again(folder: Path) -> None:
    served = Client(folder)
    tag = served.get("/").headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = served.get("/", headers={"if-none-match": known})
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == tag
        assert response.headers["cache-control"] == "no-cache"
        assert "content-security-policy" in response.headers
    assert served.get("/", headers={"if-none-match": '"other"'}).status_code == 200


def test_each_coding_has_its_own_tag(folder: Path) -> None:
    served = Client(folder)
    plain = served.get("/assets/main-abc.js").headers["etag"]
    response = served.head("/assets/main-abc.js", headers={"accept-encoding": "br", "if-none-match": plain})
    assert response.status_code == 200
    assert response.headers["etag"] != plain


def test_head_has_the_headers_and_no_body(folder: Path) -> None:
    response = Client(folder).head("/")
    assert response.content == b""
    assert response.headers["content-length"] == str(len(FILES["index.html"]))


@pytest.mark.parametrize(
    "path",
    [
        "/assets/other.js",
        "/assets/main-abc.js.br",
        "/assets/..%2Findex.html",
        "/build.json",
        "/static/index.html",
        "/x",
    ],
)
def test_everything_else_is_not_found_as_json(folder: Path, path: str) -> None:
    response = Client(folder).get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"


def test_a_build_that_goes_on_meanwhile_does_not_change_what_is_served(folder: Path) -> None:
    served = Client(folder)
    (folder / "assets/main-abc.js").unlink()
    (folder / "index.html").write_text("next")
    assert served.get("/").text == FILES["index.html"]
    assert served.get("/assets/main-abc.js").status_code == 200


def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    response = Client(tmp_path).get("/")
    assert response.status_code == 503
    assert "make web" in response.text
    assert Client(tmp_path).get("/widget").status_code == 404


def test_the_page_is_no_part_of_the_api_documents(folder: Path) -> None:
    app = FastAPI()
    mount_page(app, (), folder)
    assert app.openapi()["paths"] == {}
