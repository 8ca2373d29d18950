"""What must hold after every step: Redis holds exactly what the journals tell, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.model.clients import Client
from tests.model.journal import Journal, Letter
from tests.model.replies import REMEMBERED
from tests.model.violation import require
from tests.model.world import World
from unbroken.cursor import Cursor, StreamId
from unbroken.keys import GROUP
from unbroken.log import Entry
from unbroken.protocol import MessageAccepted, decode_event
from unbroken.types import Message

OWNED = 5
"""Keys of a session."""

_FIELDS = {"run": "F", "epoch": "F", "fin": "F", "end": "C", "rev": "C"}
"""The laws that fields of the state serve; the others are about messages and their outcomes."""

_messages = msgspec.json.Decoder(list[list[Message]])
_names = msgspec.json.Decoder(list[str])


def check(world: World) -> None:
    """Reads everything in one transaction and compares it."""
    shared = world.keys(world.sessions[0])
    commands: list[tuple[str | int, ...]] = [
        ("XRANGE", shared.ready, "-", "+"),
        ("XRANGE", shared.dead, "-", "+"),
        ("XINFO", "GROUPS", shared.ready),
        ("XPENDING", shared.ready, GROUP, "-", "+", 1000),
    ]
    for session in world.sessions:
        keys = world.keys(session)
        commands += [
            ("JSON.GET", keys.doc, "$.messages"),
            ("JSON.GET", keys.doc, "$.name"),
            ("HGETALL", keys.state),
            ("HGETALL", keys.ids),
            ("XRANGE", keys.inbox, "-", "+"),
            ("XRANGE", keys.log, "-", "+"),
            *(("PEXPIRETIME", key) for key in keys.owned),
        ]
    ready, dead, groups, pending, *rest = world.connection.pipeline(("MULTI",), *commands, ("EXEC",))[-1]
    width = len(rest) // len(world.sessions)
    for number, session in enumerate(world.sessions):
        mine = [id_ for id_, fields in ready if fields[1].decode() == session]
        document, name, state, ids, inbox, log, *ends = rest[number * width : (number + 1) * width]
        journal = world.journals[session]
        if journal.gone:
            require(set(ends) == {-2}, "G: a key outlives its session", session, ends)
            continue
        _check_life(world, session, ends)
        _check_queue(journal, mine, {field.decode(): value.decode() for field, value in state.items()})
        _check_history(journal, document, ids, inbox)
        require(_names.decode(name) == [journal.name], "D: the session has another name", name, journal.name)
        _check_log(journal, log)
    _check_dead(world, dead)
    _check_readers([id_ for id_, _ in ready], groups, pending)


def _check_life(world: World, session: str, ends: list[int]) -> None:
    there = {end for end in ends if end != -2}
    require(ends[0] != -2 and ends[1] != -2, "A: a session lost a key", session, ends)
    require(len(there) == 1, "G: the keys of a session do not expire together", session, ends)
    require((there == {-1}) == (world.shape.ttl == 0), "G: a key without an end", session, ends)


def _check_queue(journal: Journal, entries: list[bytes], state: dict[str, str]) -> None:
    """Exactly one ready entry if and only if there is work, and the state as it must be."""
    rid = state.pop("rid", None)
    require(len(entries) <= 1, "E: two ready entries", journal.session, entries)
    if journal.waiting:
        require(entries and entries[0].decode() == rid, "E: work, but no ready entry", journal.session, entries, rid)
    else:
        require(not entries and rid is None, "E: a ready entry, but no work", journal.session, entries, rid)
    require(len(state.pop("calls", "")) <= 17 * REMEMBERED, "G: too many calls are remembered", journal.session)
    changed = {int(field[2:]): decode_event(state.pop(field)) for field in list(state) if field.startswith("x:")}
    current = {turn: MessageAccepted(journal.question(turn)) for turn in journal.changed}
    require(changed == current, "B: a changed message is not what it should be", journal.session, changed, current)
    expected = {"tail": str(journal.tail), "done": str(journal.done), "rev": str(journal.change)}
    if journal.epoch:
        expected["epoch"] = str(journal.epoch)
    if journal.fin:
        expected["fin"] = str(journal.fin)
        expected["end"] = str(journal.log[journal.kept].id)
    if journal.turn:
        turn = journal.turn.first
        expected |= {"turn": str(journal.turn), "att": str(journal.attempt), "mid": journal.question(turn).id}
        if journal.to:
            expected["to"] = journal.to
        if journal.progress.kept:
            expected |= {"kept": journal.progress.kept.decode(), "step": str(journal.progress.step)}
        if journal.progress.mark:
            expected["mark"] = str(journal.progress.mark)
    if journal.running:
        expected["run"] = journal.nonce
    expected |= {f"c:{turn}": how for turn, how in journal.flagged.items()}
    expected |= {f"asked:{reply}": kept.decode() for reply, kept in journal.asked.items()}
    if journal.open:
        expected["open"] = journal.open
    wrong = sorted(field for field in {*state, *expected} if state.get(field) != expected.get(field))
    law = next((_FIELDS[field] for field in wrong if field in _FIELDS), "A")
    require(not wrong, f"{law}: the state is not what happened", journal.session, wrong, state, expected)


def _check_history(journal: Journal, document: bytes, ids: dict[bytes, bytes], inbox: list[Any]) -> None:
    """The history holds each message and each outcome once, and nothing in it ever changes."""
    messages = _messages.decode(document)[0]
    require(messages == journal.document, "A: the history is not what happened", messages, journal.document)
    known = {mid.decode(): turn.decode() for mid, turn in ids.items()}
    require(known == {mid: str(turn) for mid, turn in journal.ids.items()}, "A: forgot a message id", known)
    waiting = [Entry.from_inbox(raw) for raw in inbox]
    require(waiting == journal.waiting, "A: inbox is not accepted - done", waiting, journal.waiting)


def _check_log(journal: Journal, log: list[Any]) -> None:
    """The log holds everything from the last outcome on, which stays as the anchor of cursors."""
    entries = [Entry.from_log(raw) for raw in log]
    kept = journal.log[journal.kept :]
    require(entries == kept, "C: the log is not what happened", journal.session, entries, kept)


def _check_dead(world: World, dead: list[Any]) -> None:
    """Each failed reply has its dead letter, in this session and in those that expired."""
    letters = []
    for _, fields in dead:
        value = dict(zip(fields[::2], fields[1::2], strict=True))
        session, message, error = value[b"s"].decode(), value[b"m"].decode(), value[b"e"].decode()
        letters.append(Letter(session, message, StreamId.parse(value[b"t"]), int(value[b"a"]), error))
    alive = [letter for name in world.alive() for letter in world.journals[name].letters]
    expected = sorted(world.buried + alive)
    require(sorted(letters) == expected, "A: dead letters are not the failed replies", letters, expected)


def _check_readers(ready: list[bytes], groups: list[dict[bytes, bytes]], pending: Any) -> None:
    """A ready entry that somebody has read is pending: nobody else would ever read it, only reclaim it."""
    if not groups:
        return
    held = {row[0] for row in pending}
    read = {id_ for id_ in ready if StreamId.parse(id_) <= StreamId.parse(groups[0][b"last-delivered-id"])}
    require(read <= held, "E: a ready entry that nobody will find", read, held)
    require(held <= set(ready), "G: a ready entry is pending and gone", ready, held)


def owes(client: Client) -> bool:
    """Whether a client still wants something of a session that is there."""
    return not client.gone and len(client.conversation.outbox) > 0


def check_drained(world: World) -> None:
    """In the end everything is answered, and everybody has seen it."""
    for session in world.alive():
        journal = world.journals[session]
        require(not journal.waiting, "A: a message without an outcome", session, journal.waiting)
    for client in world.clients:
        require(not owes(client), "A: a message is owed for ever", client.session, client.conversation.outbox)
        journal = world.journals[client.session]
        require(client.gone == journal.gone, "D: a client does not know that its session is gone", client.session)
        if not client.gone:
            require(
                client.cursor == Cursor(journal.tail, journal.top, journal.change),
                "D: a client is not at the end",
                client.cursor,
            )
            require(client.viewer.state.value == "live", "D: a client is not live", client.viewer.state)
            known = client.conversation.session
            # A name that it was greeted with may be newer than its cursor, and lost since: that no cursor tells.
            same = known and (known.name == journal.name or client.greeted != world.histories)
            require(same, "D: a client knows another name", known, journal.name)
            client.compare()
