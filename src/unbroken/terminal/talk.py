"""`unbroken chat`: finds the session, then hands over to a person's or a program's way of talking."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Sequence

from rich.markup import escape

from unbroken.client import Chat, Client
from unbroken.errors import Unreachable
from unbroken.terminal.look import console

FIRST_CONTACT = 10.0
"""Seconds that a server may take to appear."""


def talk(urls: Sequence[str], token: str | None, name: str | None, api_key: str | None) -> int:
    """Talks until its user leaves, or its input ends. Returns the exit code.

    Raises:
        UnbrokenError: no server, no such session, or the session ended.
    """
    try:
        return asyncio.run(_talk(urls, token, name or getpass.getuser(), api_key))
    except KeyboardInterrupt:
        return 130


async def _talk(urls: Sequence[str], token: str | None, name: str, api_key: str | None) -> int:
    try:
        async with Client(*urls, api_key=api_key, timeout=FIRST_CONTACT) as client:
            chat = await (client.attach(token) if token else client.create(name))
            _introduce(chat, urls)
            if sys.stdin.isatty() and sys.stdout.isatty():
                from unbroken.terminal.chat import Conversation

                await Conversation(chat).run()
                return 0
            from unbroken.terminal.piped import answer_lines

            return await answer_lines(chat)
    except Unreachable as error:
        raise Unreachable(f"{error}; start one with `unbroken up`, or name another one with --url") from None


def _introduce(chat: Chat, urls: Sequence[str]) -> None:
    """On stderr: stdout belongs to the replies."""
    options = "".join(f" --url {url}" for url in urls if url != "http://localhost:8000")
    console(stderr=True).print(
        f"[name]{escape(chat.session.name)}[/] [quiet]on {escape(' '.join(urls))}. "
        f"Another terminal joins with[/]\n  unbroken chat{escape(options)} --token {escape(chat.token)}",
        soft_wrap=True,
    )
