"""Chainlit: a chat framework whose handler runs the bot and streams over Socket.IO."""

from __future__ import annotations

from benchmarks.contenders.base import Contender


class Chainlit(Contender):
    """The newest release, run by its own command, without data layer and login, which would only slow it.

    Its command runs uvicorn on asyncio's event loop, which it needs; the WebSocket code is set to the fastest, as for
    all others. The load generator speaks Socket.IO over a WebSocket from the start: polling and upgrade are left out.
    """

    name = "chainlit"
    dialect = "chainlit"
    venv = ".venv-bench"
    ready_path = "/"

    def launch(self) -> None:
        """Starts its command."""
        (port,) = self.ports
        self.spawn(
            "web server",
            *("-m", "chainlit", "run", "benchmarks/apps/chainlit_app.py", "--headless"),
            *("--host", "127.0.0.1", "--port", str(port)),
            UVICORN_WS_PROTOCOL="websockets-sansio",
            # its configuration, its translations and its uploads
            CHAINLIT_APP_ROOT=str(self.place),
        )
