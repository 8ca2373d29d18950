"""Talking in a terminal: a prompt, and replies that appear while they are written."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from rich.live import Live
from rich.text import Text

from unbroken.client import BotInfo, Chat, Feed, Sent
from unbroken.terminal.look import console
from unbroken.terminal.parts import chosen, numbered
from unbroken.terminal.reply import Block
from unbroken.terminal.scene import Scene


class Conversation:
    """One person at one chat: either at the prompt, or following a reply.

    While following, Ctrl-C stops the reply; pressed again before that worked, it leaves. At the prompt it leaves. What
    happens elsewhere in the session is shown above the prompt. Leaving stops nothing: the server goes on.

    Args:
        chat: the session.
        greeting: the bot that says the first words of an empty chat; None leaves it silent.
    """

    def __init__(self, chat: Chat, greeting: BotInfo | None = None) -> None:
        self._chat = chat
        self._greeting = greeting
        self._given_up: set[str] = set()
        self._feed: Feed = chat.events()
        self._console = console()
        self._scene = Scene(self._console.print)
        self._prompt: PromptSession[str] = PromptSession(key_bindings=_keys(), rprompt=self._connection)

    async def run(self) -> None:
        """Returns when its user leaves.

        Raises:
            UnbrokenError: the session ended.
        """
        self._console.print(Text("Enter sends, Alt-Enter begins a line, Ctrl-C stops a reply or leaves.\n", "quiet"))
        self._scene.take(await anext(self._feed))
        waiting = self._scene.transcript.waiting
        stays = await self._follow(waiting[-1].id) if waiting else True
        self._greet()
        while stays and (text := await self._ask()) is not None:
            if text.strip():
                stays = await self._say(text)

    def _greet(self) -> None:
        if self._greeting and not self._scene.transcript.messages:
            if self._greeting.welcome:
                self._console.print(Block(self._greeting.welcome))
            for prompt in numbered(self._greeting.prompts):
                self._console.print(prompt)
            self._console.print()

    async def _say(self, text: str) -> bool:
        """Sends what was typed, or what its number stands for; returns whether the user stays."""
        asked = self._scene.transcript.open_question
        answers, choices = None, list[str]()
        if asked and asked.reply_id not in self._given_up:
            answers, choices = asked.reply_id, asked.question.options
        elif self._greeting and not self._scene.transcript.messages:
            choices = self._greeting.prompts
        meant = chosen(choices, text)
        if meant != text:
            self._console.print(Text(f"  {meant}", "quiet"))
        sent = await self._chat.send(meant, answers=answers)
        stays = await self._follow(sent.id, sent)
        if answers and sent.refused:  # so that the same words, typed again, are a message of their own
            self._given_up.add(answers)
        return stays

    async def _ask(self) -> str | None:
        """The next message; None if the user wants to leave."""
        with patch_stdout(raw=True):
            typing = asyncio.create_task(self._type())
            watching = asyncio.create_task(self._watch())
            try:
                await asyncio.wait([typing, watching], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (typing, watching):
                    task.cancel()
                await asyncio.gather(typing, watching, return_exceptions=True)
        if not watching.cancelled():
            watching.result()  # raises why the session ended
        return typing.result()

    async def _type(self) -> str | None:
        try:
            return await self._prompt.prompt_async(HTML("<ansicyan><b>›</b></ansicyan> "))
        except (EOFError, KeyboardInterrupt):
            return None

    def _connection(self) -> HTML:
        return HTML("" if self._chat.connected else "<ansiyellow>reconnecting…</ansiyellow>")

    async def _watch(self) -> None:
        async for event in self._feed:
            self._scene.take(event)
            self._prompt.app.invalidate()

    async def _follow(self, message_id: str, sent: Sent | None = None) -> bool:
        """Shows everything until a message has its outcome; returns whether the user stays."""
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._until(message_id, sent))
        with self._scene.following(message_id), _quiet_keyboard():
            loop.add_signal_handler(signal.SIGINT, self._stop, task)
            try:
                with Live(self._scene, console=self._console, refresh_per_second=12, transient=True):
                    await asyncio.wait([task])
            finally:
                loop.remove_signal_handler(signal.SIGINT)
                task.cancel()
        if task.cancelled():
            return False
        task.result()
        if sent and sent.refused:
            self._console.print(Text(f"Not sent: {sent.refused}\n", "bad"))
        return True

    async def _until(self, message_id: str, sent: Sent | None) -> None:
        while not (sent and sent.refused):
            if outcome := self._scene.transcript.outcome(message_id):
                if outcome.merged_into is None:
                    return
                message_id = self._scene.target = outcome.merged_into
            else:
                self._scene.take(await anext(self._feed))

    def _stop(self, task: asyncio.Task[None]) -> None:
        if self._scene.stopping:
            task.cancel()
        self._scene.stopping = True
        self._cancelling = asyncio.create_task(self._chat.cancel(self._scene.target or ""))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


@contextmanager
def _quiet_keyboard() -> Iterator[None]:
    """What is typed meanwhile does not appear in the middle of the reply; the next prompt gets it."""
    before = termios.tcgetattr(sys.stdin)
    silent = before.copy()
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
