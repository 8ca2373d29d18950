"""`unbroken chat`: finds the session, then hands over to a person's or a program's way of talking."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Sequence
from contextlib import suppress

from rich.markup import escape

from unbroken.client import BotInfo, Chat, Client
from unbroken.errors import ConfigurationError, Refused, Unavailable, Unreachable
from unbroken.terminal.look import console

FIRST_CONTACT = 10.0
"""Seconds that a server may take to appear."""


def talk(urls: Sequence[str], token: str | None, name: str | None, api_key: str | None, bot: str | None) -> int:
    """Talks until its user leaves, or its input ends. Returns the exit code.

    Raises:
        UnbrokenError: no server, no such session, no such bot, or the session ended.
    """
    if token and bot:
        raise ConfigurationError("--bot is for a new session; the one of this token has its bot already")
    try:
        return asyncio.run(_talk(urls, token, name or getpass.getuser(), api_key, bot or ""))
    except KeyboardInterrupt:
        return 130


async def _talk(urls: Sequence[str], token: str | None, name: str, api_key: str | None, bot: str) -> int:
    try:
        async with Client(*urls, api_key=api_key, timeout=FIRST_CONTACT) as client:
            chat = await (client.attach(token) if token else client.create(name, bot))
            _introduce(chat, urls)
            if sys.stdin.isatty() and sys.stdout.isatty():
                from unbroken.terminal.chat import Conversation

                await Conversation(chat, await _greeting(client, chat)).run()
                return 0
            from unbroken.terminal.piped import answer_lines

            return await answer_lines(chat)
    except Unreachable as error:
        raise Unreachable(f"{error}; start one with `unbroken up`, or name another one with --url") from None


async def _greeting(client: Client, chat: Chat) -> BotInfo | None:
    """Who says the first words of an empty chat, if anybody does."""
    if chat.transcript.messages:
        return None
    with suppress(Refused, Unavailable):
        bots = await client.bots()
        return next((bot for bot in bots if bot.name == chat.session.bot), bots[0])
    return None


def _introduce(chat: Chat, urls: Sequence[str]) -> None:
    """On stderr: stdout belongs to the replies."""
    options = "".join(f" --url {url}" for url in urls if url != "http://localhost:8000")
    console(stderr=True).print(
        f"[name]{escape(chat.session.name)}[/] [quiet]on {escape(' '.join(urls))}. "
        f"Another terminal joins with[/]\n  unbroken chat{escape(options)} --token {escape(chat.token)}",
        soft_wrap=True,
    )
