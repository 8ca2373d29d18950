"""Rules taken out of the Python that the schedules run: channel, queue, reader, viewer, and the library's client."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.model.mutant import Mutant
from tests.model.schedule import Mode
from unbroken.client.outbox import Outbox
from unbroken.cursor import Cursor
from unbroken.log import Appender, Entry, Kind
from unbroken.protocol import Command, MessageSend
from unbroken.server.reader import Reader, Verdict
from unbroken.server.viewer import Viewer
from unbroken.types import in_order
from unbroken.worker import pieces
from unbroken.worker.channel import Channel, State

Patch = Callable[[pytest.MonkeyPatch], None]


def _set(target: str, value: object) -> Patch:
    return lambda patch: patch.setattr(target, value)


def _append_always(patch: pytest.MonkeyPatch) -> None:
    def commands(appender: Appender, epoch: int, seq: int, kind: bytes, frame: bytes) -> tuple[bytes, bytes]:
        write, show = pack(appender, epoch, seq, kind, frame)
        return write.replace(b"*8\r\n", b"*7\r\n", 1).replace(b"$10\r\nNOMKSTREAM\r\n", b"", 1), show

    pack = Appender.commands
    patch.setattr(Appender, "commands", commands)


def _batch_again(patch: pytest.MonkeyPatch) -> None:
    def commands(channel: Channel, seq: int) -> tuple[bytes, bytes]:
        more = [piece for piece in channel._pending if pieces.follow(channel._sent[seq - 1], piece)]
        if channel.state is State.RECOVERING and more:
            channel._sent[seq - 1] = pieces.merged([channel._sent[seq - 1], *more])
            channel._pending = [piece for piece in channel._pending if piece not in more]
        return pack(channel, seq)

    pack = Channel.commands
    patch.setattr(Channel, "commands", commands)


def _new_ids(patch: pytest.MonkeyPatch) -> None:
    def due(outbox: Outbox, now: float) -> tuple[list[Command], float | None]:
        commands, wake = ask(outbox, now)
        fresh = [replace(one, id=f"new{next(count)}") if isinstance(one, MessageSend) else one for one in commands]
        return fresh, wake

    ask, count = Outbox.due, itertools.count()
    patch.setattr(Outbox, "due", due)


def _send_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("unbroken.client.outbox.ANSWER", 1e9)
    patch.setattr(Outbox, "connected", _nothing)


class _HastyReader(Reader):
    def _logged(self, entry: Entry) -> Verdict:
        return Verdict.DROP if entry.id <= self._log else Verdict.APPLY


class _LooseReader(Reader):
    def _logged(self, entry: Entry) -> Verdict:
        verdict = super()._logged(entry)
        return Verdict.APPLY if verdict is Verdict.GAP and entry.kind is Kind.STARTED else verdict


class _CarelessReader(Reader):
    def _changed(self, entry: Entry) -> Verdict:
        return Verdict.APPLY if entry.id > self._change else Verdict.DROP


class _DeafReader(Reader):
    def _accepted(self, entry: Entry) -> Verdict:
        return Verdict.APPLY if entry.id.first > self._turn.first else Verdict.DROP


class _ProudReader(Reader):
    def jump(self, cursor: Cursor) -> None:
        super().jump(max(cursor, self.cursor))


class _PushyViewer(Viewer):
    def at_once(self, entry: Entry) -> Cursor | None:
        waiting, self._items = self._items, type(self._items)()
        cursor = super().at_once(entry)
        self._items = waiting
        return cursor


class _CalmViewer(Viewer):
    def gap(self) -> None:
        pass


def _python(law: str, where: str, patch: Patch, *modes: Mode) -> Mutant:
    return Mutant(law, where, patch=patch, modes=modes or tuple(Mode))


def _reader(law: str, reader: type[Reader], *modes: Mode) -> Mutant:
    return _python(law, "server/reader.py", _set("unbroken.server.viewer.Reader", reader), *modes)


def _viewer(law: str, viewer: type[Viewer]) -> Mutant:
    return _python(law, "server/viewer.py", _set("tests.model.clients.Viewer", viewer))


def _nothing(*_: Any) -> None:
    pass


PYTHON_MUTANTS = {
    "chunks make a log": _python("G: a chunk made a log", "log.py", _append_always, Mode.EXPIRE),
    "what is said meanwhile goes into a chunk that was tried": _python(
        "D:", "worker/channel.py", _batch_again, Mode.FAILOVER
    ),
    "a bot is told what was withdrawn": _python(
        "D: the bot is told another conversation", "claim.py", _set("unbroken.claim.in_view", in_order)
    ),
    "a reader sees no gap": _reader("D:", _HastyReader),
    "a reader takes any start": _reader("D:", _LooseReader),
    "a reader takes any message": _reader("D:", _DeafReader),
    "a reader takes any change": _reader("D:", _CarelessReader),
    "a snapshot sets no cursor back": _reader("D:", _ProudReader, Mode.FAILOVER),
    "live pieces overtake what waits": _viewer("D:", _PushyViewer),
    "a new subscription is no gap": _viewer("D: a new subscription", _CalmViewer),
    "a message goes again under another id": _python(
        "A: a message was accepted twice, under two ids", "client/outbox.py", _new_ids
    ),
    "a new connection sends nothing again": _python(
        "A: a message is owed for ever",
        "client/outbox.py",
        _send_once,
    ),
    "on a connection that lives nothing goes again": _python(
        "A: a message is owed for ever", "client/outbox.py", _set("unbroken.client.outbox.ANSWER", 1e9), Mode.FAILOVER
    ),
    "a snapshot says nothing about what was accepted": _python(
        "A: a message is owed for ever",
        "client/outbox.py",
        lambda patch: patch.setattr(Outbox, "compare", _nothing),
        Mode.FAILOVER,
    ),
}
