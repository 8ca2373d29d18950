from __future__ import annotations

from unbroken.cursor import StreamId
from unbroken.recall import Known, Recall
from unbroken.types import Message, Role

EACH = Known(1, StreamId(0, 0), "Ann", "", (), (), 20).size


def known(size: int) -> Known:
    message = Message("m", "hello", Role.USER, "2026-01-01T00:00:00.000Z", 1)
    return Known(1, StreamId(0, 0), "Ann", "", (message,), (size * EACH - EACH,), 20)


def test_what_is_asked_for_is_forgotten() -> None:
    recall = Recall(10 * EACH)
    recall.keep("a", known(3))
    assert recall.pop("b") is None
    assert recall.pop("a") == known(3)
    assert recall.pop("a") is None


def test_those_that_were_kept_first_make_way() -> None:
    recall = Recall(10 * EACH)
    recall.keep("a", known(4))
    recall.keep("b", known(4))
    recall.keep("a", known(5))  # in place of the older memory, and newer than b
    recall.keep("c", known(3))
    assert recall.pop("b") is None
    assert recall.pop("a") == known(5)
    assert recall.pop("c") == known(3)


def test_what_is_too_large_is_not_kept_and_leaves_room() -> None:
    recall = Recall(10 * EACH)
    recall.keep("a", known(11))
    assert recall.pop("a") is None
    recall.keep("b", known(10))
    assert recall.pop("b") == known(10)


def test_conversations_without_messages_take_room_too() -> None:
    recall = Recall(10 * EACH)
    for number in range(11):
        recall.keep(str(number), known(1)._replace(messages=(), sizes=()))
    assert recall.pop("0") is None
    assert recall.pop("1") is not None
