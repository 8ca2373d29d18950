"""A small blocking Redis client: the model has no event loop, so that a seed decides every interleaving."""

from __future__ import annotations

import socket
from typing import Any, TypeAlias
from urllib.parse import unquote

import hiredis

Word: TypeAlias = str | bytes | int


class ReplyError(Exception):
    """An error reply."""


class Connection:
    """One connection that runs commands and hears the channels it subscribed to, in the order in which both happened.

    Args:
        address: `unix://` and the path of the socket.

    Attributes:
        rounds: how often it asked the server.
    """

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(unquote(address.removeprefix("unix://")))
        self._parser = hiredis.Reader(replyError=ReplyError)
        self._heard: list[tuple[str, bytes]] = []
        self._later: list[tuple[Word, ...]] = []
        self.rounds = 0
        self.run("HELLO", "3")

    def run(self, *command: Word) -> Any:
        """Runs one command and returns its reply; raises it if it is an error."""
        reply = self.pipeline(command)[0]
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, *commands: tuple[Word, ...] | bytes) -> list[Any]:
        """Runs commands, packed ones as they are, in one write and returns their replies, errors among them."""
        # What a command publishes to its own connection comes behind its reply, and before the next reply.
        packed = [_pack(command) for command in (*self._later, *commands, ("PING",))]
        first = len(self._later)
        self._later.clear()
        self.rounds += 1
        self._socket.sendall(b"".join(packed))
        replies: list[Any] = []
        while len(replies) < len(packed):
            reply = self._parser.gets()
            if reply is False:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self._parser.feed(data)
            elif not isinstance(reply, hiredis.PushNotification):
                replies.append(reply)
            elif reply[0] == b"smessage":
                self._heard.append((reply[1].decode(), reply[2]))
        return replies[first:-1]

    def later(self, *command: Word) -> None:
        """Runs a command before the next ones, and ignores its reply."""
        self._later.append(command)

    def subscribe(self, *channels: str) -> None:
        """Hears sharded channels from now on."""
        for channel in channels:  # a push confirms it; there is no reply
            self._socket.sendall(_pack(("SSUBSCRIBE", channel)))
        self.run("PING")

    def heard(self) -> list[tuple[str, bytes]]:
        """What was published since the last call: (channel, message), in order."""
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        self._socket.close()


def _pack(command: tuple[Word, ...] | bytes) -> bytes:
    if isinstance(command, bytes):
        return command
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]
    return packed
