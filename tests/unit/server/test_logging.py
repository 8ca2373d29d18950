"""The server's log holds no secret."""

from __future__ import annotations

import io
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator

import pytest

from unbroken.server.run import logging_config

SECRET = "Zk3nq0YpR5u1XwTb.c2VjcmV0"
LOGGERS = ("unbroken", "uvicorn", "uvicorn.error", "uvicorn.access")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Callable[[], list[str]]]]:
    """Configures logging as the server does, at a level; returns what gives the lines."""

    def configure(level: str) -> Callable[[], list[str]]:
        stream = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            logging.config.dictConfig(logging_config(level))
        return lambda: stream.getvalue().splitlines()

    yield configure
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.filters.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def test_queries_are_cut_from_the_lines(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("info")
    access, error = logging.getLogger("uvicorn.access"), logging.getLogger("uvicorn.error")
    access.info('%s - "%s %s HTTP/%s" %d', "10.0.0.1:9", "GET", f"/refresh_token?token={SECRET}&x=1", "1.1", 200)
    error.info('%s - "WebSocket %s" [accepted]', "10.0.0.1:9", f"/chat?cursor=1&token={SECRET}")
    error.info('%s - "WebSocket %s" %d', "10.0.0.1:9", f"/chat?token={SECRET}", 403)
    found = written()
    assert '"GET /refresh_token HTTP/1.1" 200' in found[0]
    assert '"WebSocket /chat" [accepted]' in found[1]
    assert '"WebSocket /chat" 403' in found[2]
    assert not any(SECRET in line for line in found)


def test_at_debug_uvicorn_still_does_not_write_down_handshakes(
    lines: Callable[[str], Callable[[], list[str]]],
) -> None:
    written = lines("debug")
    logging.getLogger("uvicorn.error").debug("< GET /chat?token=%s HTTP/1.1", SECRET)
    logging.getLogger("unbroken.server").debug("but we may")
    (line,) = written()
    assert line.endswith("DEBUG unbroken.server but we may")
