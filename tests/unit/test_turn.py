"""What a bot may do with its turn, without Redis: a keeper writes down what it was handed."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from unbroken.turn import Journal, Turn
from unbroken.types import Question


class Asked(Exception):
    """Ends a bot where it asks."""


class Notes:
    """A keeper that remembers what it was handed, as a store would."""

    def __init__(self) -> None:
        self.saved: list[tuple[bytes, bool]] = []
        self.asked: list[tuple[Question, Journal]] = []
        self.names: list[str] = []

    async def save(self, journal: Journal, *, mark: bool) -> None:
        self.saved.append((msgspec.json.encode(journal), mark))
        await asyncio.sleep(0)

    async def ask(self, question: Question, journal: Journal) -> None:
        self.asked.append((question, journal))
        raise Asked

    async def rename(self, name: str) -> None:
        self.names.append(name)

    def next(self) -> Turn:
        """The turn of the attempt after this one."""
        data = self.saved[-1][0] if self.saved else b"{}"
        return Turn("?", journal=msgspec.json.decode(data, type=Journal), keeper=self)

    def after(self, *answers: str) -> Turn:
        """The turn of the reply to the answers."""
        journal = msgspec.json.decode(msgspec.json.encode(self.asked[-1][1]), type=Journal)
        journal.answers = [*journal.answers, *answers]
        return Turn("?", journal=journal, keeper=self)


@pytest.fixture
def notes() -> Notes:
    return Notes()


async def test_a_checkpoint_is_found_by_the_next_attempt(notes: Notes) -> None:
    turn = Turn("?", keeper=notes)
    assert not turn.saved
    data = {"page": [1, 2]}
    await turn.checkpoint(data)
    data["page"] = [3]
    assert turn.saved == notes.next().saved == {"page": [1, 2]}
    assert notes.saved[-1][1]


async def test_a_step_is_done_once(notes: Notes) -> None:
    done: list[str] = []

    async def look() -> list[str]:
        done.append("look")
        return ["found"]

    found = await Turn("?", keeper=notes).once("look", look)
    found.append("more")
    again = await notes.next().once("look", look)
    assert (again, done) == (["found"], ["look"])
    assert not notes.saved[-1][1]


async def test_tasks_that_come_to_the_same_step_do_it_once(notes: Notes) -> None:
    done: list[int] = []

    async def count() -> int:
        done.append(1)
        await asyncio.sleep(0)
        return len(done)

    turn = Turn("?", keeper=notes)
    assert await asyncio.gather(*(turn.once("count", count) for _ in range(3))) == [1, 1, 1]


async def test_a_step_that_failed_is_done_again(notes: Notes) -> None:
    turn = Turn("?", keeper=notes)
    with pytest.raises(ZeroDivisionError):
        await turn.once("divide", lambda: 1 // 0)
    assert await turn.once("divide", lambda: 1) == 1
    assert await turn.once("divide", lambda: 2) == 1


async def test_what_the_bot_does_with_its_data_is_not_kept(notes: Notes) -> None:
    turn = Turn("?", keeper=notes)
    await turn.checkpoint({"count": 1})
    turn.saved["count"] = 2
    await turn.once("step", lambda: None)
    assert notes.next().saved == {"count": 1}


async def test_steps_outlive_checkpoints(notes: Notes) -> None:
    turn = Turn("?", keeper=notes)
    await turn.once("step", lambda: 1)
    await turn.checkpoint("here")
    assert await notes.next().once("step", lambda: 2) == 1


async def test_questions_are_answered_in_their_order(notes: Notes) -> None:
    async def bot(turn: Turn) -> list[tuple[str, bool]]:
        first = turn.replaying
        answers = [(await turn.ask(question), turn.replaying) for question in ("one?", "two?", "three?")]
        return [("", first), *answers]

    for number, question in enumerate(("one?", "two?", "three?")):
        with pytest.raises(Asked):
            await bot(notes.after("a") if number else Turn("?", keeper=notes))
        assert notes.asked[-1][0] == Question(question)
    assert await bot(notes.after("c")) == [("", True), ("a", True), ("a", True), ("c", False)]


async def test_a_checkpoint_leaves_the_answers_before_it_behind(notes: Notes) -> None:
    async def bot(turn: Turn) -> str:
        if turn.saved is None:
            await turn.checkpoint(await turn.ask("one?"))
        return f"{turn.saved} {await turn.ask('two?')}"

    with pytest.raises(Asked):
        await bot(Turn("?", keeper=notes))
    with pytest.raises(Asked):
        await bot(notes.after("a"))
    assert notes.asked[-1][1] == Journal(saved="a")
    assert await bot(notes.after("b")) == "a b"


async def test_a_checkpoint_before_the_answer_keeps_it(notes: Notes) -> None:
    async def bot(turn: Turn) -> str:
        await turn.checkpoint("here")
        return await turn.ask("one?")

    with pytest.raises(Asked):
        await bot(Turn("?", keeper=notes))
    assert await bot(notes.after("a")) == "a"
    assert await bot(notes.next()) == "a"


@pytest.mark.parametrize("data", [object(), {1, 2}.__iter__(), float, "\ud800", {"deep": [[]]}])
async def test_what_is_no_json_is_refused_and_changes_nothing(notes: Notes, data: Any) -> None:
    if isinstance(data, dict):
        for _ in range(100_000):
            data = [data]
    turn = Turn("?", keeper=notes)
    await turn.checkpoint("before")
    with pytest.raises(TypeError, match="has to be JSON"):
        await turn.checkpoint(data)
    with pytest.raises(TypeError, match="has to be JSON"):
        await turn.once("step", lambda: data)
    assert turn.saved == notes.next().saved == "before"
    assert len(notes.saved) == 1


async def test_a_turn_that_nobody_stands_behind() -> None:
    """In a test of the bot alone, what it keeps goes nowhere; what it asks goes wrong."""
    turn = Turn("?")
    await turn.checkpoint(1)
    assert await turn.once("step", lambda: 2) == 2
    for call in (turn.ask("?"), turn.rename("x")):
        with pytest.raises(RuntimeError, match=r"unbroken\.testing"):
            await call
