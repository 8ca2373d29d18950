"""How long readers waited after something died, from what they saw and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tests.faults.talk import Talk
from tests.faults.tracker import Interruption
from unbroken.client.feed import ChatEvent, Disconnected
from unbroken.cursor import Cursor
from unbroken.protocol import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyFailed, ReplyStarted

SAID = ReplyStarted | ReplyDelta | ReplyCompleted | ReplyFailed | ReplyCancelled
NOTICED = 1.0
"""Seconds in which a client notices that its server was killed; a later loss has another reason."""


def recoveries(interruptions: Sequence[Interruption], talks: Sequence[Talk]) -> dict[str, list[float]]:
    """What was waited for → seconds, one for each session that was interrupted in a reply and went on.

    A killed worker: until any reader sees the next attempt. A killed server: until the client sees its reply go on, if
    it was connected there. Redis: until the client sees its reply go on, from when Redis could be reached again.
    Who was interrupted once more before that is not counted: that wait had two causes.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    sessions = {talk.session: talk for talk in talks}
    for number, (what, at, epochs) in enumerate(interruptions):
        again = min((other.at - at for other in interruptions[number + 1 :]), default=float("inf"))
        for session, epoch in epochs.items():
            talk = sessions.get(session)
            if talk is None:
                continue
            if what.startswith("worker"):
                waited, seconds = f"{what}: next attempt seen", _next_attempt(talk, at, epoch)
            elif what.startswith("http"):
                waited, seconds = "server killed: reply goes on at another", _elsewhere(talk, at)
            else:
                waited, seconds = f"{what}: reply goes on", _goes_on(talk, at)
            if seconds is not None and seconds < again:
                found[waited].append(round(seconds, 3))
    return found


def _next_attempt(talk: Talk, at: float, epoch: int) -> float | None:
    for frame in talk.frames():
        if frame.at > at and isinstance(frame.event, SAID) and Cursor.parse(frame.event.cursor).log.first > epoch:
            return frame.at - at
    return None


def _elsewhere(talk: Talk, at: float) -> float | None:
    lost = False
    for when, event in talk.heard:
        if at <= when <= at + NOTICED and isinstance(event, Disconnected):
            lost = True
        elif lost and isinstance(event, SAID):
            return when - at
    return None


def _goes_on(talk: Talk, at: float) -> float | None:
    said: list[tuple[float, ChatEvent]] = [(when, event) for when, event in talk.heard if isinstance(event, SAID)]
    return next((when - at for when, _ in said if when > at), None)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share / 100 * (len(ordered) - 1)))]
