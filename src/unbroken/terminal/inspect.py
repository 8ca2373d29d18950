"""Shows what `survey` found, as tables for people and as JSON for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from unbroken.backend import Backend
from unbroken.config import load_settings
from unbroken.cursor import StreamId
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError, SessionGone, UnbrokenError
from unbroken.export import markdown
from unbroken.queue import DeadLetter
from unbroken.terminal import parts
from unbroken.terminal.look import complain, console
from unbroken.terminal.survey import Overview, SessionDetail, SessionRow, Survey
from unbroken.types import Message, Role, in_order

T = TypeVar("T")

ALL = "all"


def overview(data_dir: Path | None, limit: int, *, as_json: bool) -> None:
    """Shows sessions, queue and dead letters."""

    async def read(backend: Backend) -> Overview:
        return await Survey(backend).overview(limit)

    found = _with_backend(data_dir, read)
    if as_json:
        _json(found)
        return
    screen = console()
    if found.sessions:
        screen.print(_sessions(found.sessions))
        if found.more:
            screen.print(Text(f"  … and more; --limit shows them (now {limit})\n", "quiet"))
    else:
        screen.print(Text("No sessions.", "quiet"))
    held = sum(row.held for row in found.partitions)
    ready = sum(row.ready for row in found.partitions)
    screen.print(Text.assemble(("Queue  ", "name"), f"sessions with work: {ready}, held by workers: {held}"))
    for row in found.partitions:
        screen.print(Text(f"       partition {row.tag}: {row.ready} ready, {row.held} held", "quiet"))
    dead = len(found.dead)
    hint = "  (unbroken inspect dead list)" if dead else ""
    screen.print(Text.assemble(("Dead   ", "name"), (f"letters: {dead}", "warn" if dead else ""), (hint, "quiet")))


def session(data_dir: Path | None, session_id: str, *, as_json: bool) -> None:
    """Shows one session with its messages."""

    async def read(backend: Backend) -> SessionDetail:
        return await Survey(backend).session(session_id)

    found = _with_backend(data_dir, read)
    if as_json:
        _json(found)
        return
    screen = console()
    screen.print(_sessions([found.session]))
    for message in in_order(found.messages):
        for line in (*parts.above(message.parts), _message(message), *parts.below(message.parts)):
            screen.print(line)
    if took := found.usage:
        screen.print(
            Text(
                f"\n{took.input_tokens} tokens in, {took.output_tokens} out (replies counted: {took.replies})", "quiet"
            )
        )


def export(data_dir: Path | None, session_id: str, *, as_json: bool) -> None:
    """Prints a session as Markdown, or as JSON with all that is stored."""
    found = _with_backend(data_dir, lambda backend: backend.store.read(session_id))
    if as_json:
        _json(found)
    else:
        print(markdown(found), end="")  # noqa: T201 - what was asked for


def delete(data_dir: Path | None, session_id: str) -> None:
    """Removes a session with its whole history, whatever runs."""
    _with_backend(data_dir, lambda backend: backend.store.delete(session_id))
    console().print(Text(f"session {session_id} deleted"))


def dead_letters(data_dir: Path | None, *, as_json: bool) -> None:
    """Lists the newest dead letters."""
    found = _with_backend(data_dir, lambda backend: backend.queue.dead_letters())
    if as_json:
        _json([_as_dict(letter) for letter in found])
    elif found:
        table = _table("Letter", "Session", "Message", "Attempts", "Error")
        for letter in found:
            table.add_row(_name(letter), letter.session, letter.message_id, str(letter.attempts), letter.error)
        console().print(table)
    else:
        console().print(Text("No dead letters.", "quiet"))


def retry(data_dir: Path | None, name: str) -> None:
    """Sends the messages of dead letters again."""

    async def one(backend: Backend, letter: DeadLetter) -> None:
        message = await backend.store.message(letter.session, StreamId.parse(letter.turn).first)
        if message is None:
            raise SessionGone("its session is gone, so nobody waits for the answer; `drop` it")
        receipt = await backend.queue.retry_dead(letter, message.msg)
        console().print(Text(f"{_name(letter)} is message {receipt.turn.first} of session {letter.session} now"))

    _with_backend(data_dir, lambda backend: _each(backend, name, one))


def drop(data_dir: Path | None, name: str) -> None:
    """Deletes dead letters."""

    async def one(backend: Backend, letter: DeadLetter) -> None:
        await backend.queue.drop_dead(letter)
        console().print(Text(f"{_name(letter)} dropped"))

    _with_backend(data_dir, lambda backend: _each(backend, name, one))


async def _each(backend: Backend, name: str, do: Callable[[Backend, DeadLetter], Awaitable[None]]) -> None:
    """Does something with the letter of this name, or with all; one that fails does not stop the others."""
    letters = [letter for letter in await backend.queue.dead_letters(10_000) if name in (ALL, _name(letter))]
    if not letters and name != ALL:
        raise ConfigurationError(f"there is no dead letter {name}; `unbroken inspect dead list` shows them")
    failed = 0
    for letter in letters:
        try:
            await do(backend, letter)
        except UnbrokenError as error:
            failed += 1
            complain(f"{_name(letter)}: {error}")
    if failed:
        raise ConfigurationError(f"{failed} of {len(letters)} letters stay")


def _with_backend(data_dir: Path | None, do: Callable[[Backend], Awaitable[T]]) -> T:
    settings = load_settings(data_dir=data_dir)
    if data_dir or settings.redis_address() is None:
        embedded = Embedded(settings.data_dir)
        if not embedded.check():
            raise ConfigurationError(
                f"no embedded Valkey runs on {settings.data_dir}; start `unbroken up` there, or set REDIS_URL"
            )
        settings = settings.model_copy(update={"redis_url": embedded.address})

    async def run() -> T:
        backend = await Backend.open(settings)
        try:
            return await do(backend)
        finally:
            await backend.close()

    return asyncio.run(run())


def _json(found: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(found)).decode())  # noqa: T201 - what was asked for


def _as_dict(letter: DeadLetter) -> dict[str, object]:
    return {"letter": _name(letter), **letter._asdict()}


def _name(letter: DeadLetter) -> str:
    return f"{letter.tag}/{letter.id}"


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="quiet", padding=(0, 1), pad_edge=False)
    for column in columns:
        table.add_column(
            column,
            overflow="fold",
            no_wrap=column in ("Letter", "Session"),  # to be copied
            justify="right" if column in ("Messages", "Attempts") else "left",
        )
    return table


def _sessions(rows: list[SessionRow]) -> Table:
    table = _table("Session", "Name", "Bot", "Started", "Messages", "State", "Expires in")
    for row in rows:
        expires = "never" if row.ttl is None else f"{row.ttl // 60} min {row.ttl % 60:02} s"
        table.add_row(
            row.id,
            Text(row.name),
            row.bot,
            row.session_start[:19].replace("T", " "),
            str(row.messages),
            _state(row),
            expires,
        )
    return table


def _state(row: SessionRow) -> Text:
    if row.running:
        behind = f", {row.waiting - 1} waiting" if row.waiting > 1 else ""
        again = f" (attempt {row.running})" if row.running > 1 else ""
        return Text(f"replying{again}{behind}", "good")
    return Text(f"{row.waiting} waiting", "warn") if row.waiting else Text("idle", "quiet")


def _message(message: Message) -> Text:
    who = "›" if message.role is Role.USER else f"  {message.status.value if message.status else ''}"
    if message.merged_into:
        who += f", answered with {message.merged_into}"
    failure = f"  {message.error.message} [{message.error.reference or message.error.code}]" if message.error else ""
    return Text.assemble(
        (f"{message.turn:>3} {who} ", "cyan"), message.msg, (failure, "bad"), (f"  {message.id}", "quiet")
    )
