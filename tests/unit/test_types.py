"""What people and bots see of a conversation: the one rule for pages, exports, terminals and bots."""

from __future__ import annotations

import random

from unbroken.types import Message, Role, Status, in_view


def question(id_: str, turn: int, replaces: str | None = None, *, withdrawn: bool = False) -> Message:
    return Message(id_, f"text of {id_}", Role.USER, "t", turn, replaces=replaces, withdrawn=withdrawn)


def answer(id_: str, turn: int) -> Message:
    return Message(f"{id_}.reply", "", Role.ASSISTANT, "t", turn, reply_to=id_, status=Status.COMPLETED)


def seen(*messages: Message) -> list[str]:
    """Whatever the order in which they were stored."""
    shuffled = random.Random(1).sample(messages, len(messages))
    views = [[message.id for message in in_view(order)] for order in (messages, messages[::-1], shuffled)]
    assert views[0] == views[1] == views[2]
    return views[0]


def test_answers_stand_behind_their_questions() -> None:
    assert seen(question("a", 1), question("b", 2), answer("a", 1)) == ["a", "a.reply", "b"]


def test_the_newest_version_is_shown_with_its_answer() -> None:
    told = [question("a", 1), answer("a", 1), question("b", 2, "a"), answer("b", 2), question("c", 3)]
    assert seen(*told) == ["b", "b.reply", "c"]
    assert seen(*told, question("d", 4, "a"), question("e", 5, "a")) == ["c", "e"]


def test_two_that_replace_the_same_are_two_versions_of_it() -> None:
    assert seen(question("a", 1), question("b", 2, "a"), question("c", 3, "a")) == ["c"]


def test_of_versions_that_changed_places_the_last_turn_is_shown() -> None:
    assert seen(question("b", 1, "a"), answer("b", 1), question("a", 2)) == ["a"]
    assert seen(question("c", 1, "a"), question("a", 2), question("b", 3, "a")) == ["b"]


def test_what_was_withdrawn_is_hidden_and_gives_back_what_it_replaced() -> None:
    told = [question("a", 1), answer("a", 1), question("b", 2, "a", withdrawn=True), answer("b", 2)]
    assert seen(*told) == ["a", "a.reply"]
    assert seen(*told, question("c", 3, "a")) == ["c"]
    assert seen(question("a", 1, withdrawn=True), answer("a", 1)) == []


def test_a_version_of_what_is_not_known_any_more_is_shown() -> None:
    assert seen(question("c", 8, "a"), question("d", 9, "a")) == ["d"]


def merged(id_: str, turn: int, into: str) -> Message:
    return Message(
        f"{id_}.reply", "", Role.ASSISTANT, "t", turn, reply_to=id_, status=Status.CANCELLED, merged_into=into
    )


def test_a_reply_that_gave_way_is_not_shown_beside_what_came_instead() -> None:
    told = [question("a", 1), merged("a", 1, "b"), question("b", 2)]
    assert seen(*told) == ["a", "b"]
    assert seen(*told, answer("b", 2), question("c", 3, "b")) == ["a", "c"]


def test_a_reply_that_gave_way_to_what_was_taken_back_is_shown() -> None:
    told = [question("a", 1), merged("a", 1, "c"), question("b", 2), question("c", 3, "b", withdrawn=True)]
    assert seen(*told) == ["a", "a.reply", "b"]
