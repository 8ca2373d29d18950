"""checkpoint, and the questions of bots: what is kept, for whom, and until when."""

from __future__ import annotations

import msgspec
import pytest

from tests.conftest import StartValkey, make_settings
from tests.integration.scripts.desk import Desk
from tests.integration.scripts.test_taking import delta
from unbroken.backend import Backend
from unbroken.claim import Asked, claimed
from unbroken.errors import Unavailable
from unbroken.queue import DeadLetter
from unbroken.scripts import Accepted, Code, Taken
from unbroken.turn import Journal
from unbroken.types import Message, Policy, Role, Status


async def keep(desk: Desk, epoch: int, number: int, data: str, seq: int | None = None) -> Code:
    return await desk.scripts.checkpoint(desk.keys, desk.session, epoch, number, data.encode(), seq)


async def send(
    desk: Desk, message_id: str, answers: str = "", replaces: str = "", policy: Policy = "queue"
) -> Accepted:
    return await desk.scripts.accept(
        desk.keys, desk.session, message_id, f"text of {message_id}", 20, 100, replaces, answers, policy
    )


async def ask(desk: Desk, message_id: str, taken: Taken) -> str:
    """The reply to a message asks; returns its id."""
    assert taken.turn is not None
    message = Message(message_id, f"text of {message_id}", Role.USER, "t", taken.turn.first)
    kept = msgspec.json.encode(Asked(taken.turn.first, message, message.msg, Journal(saved=message_id)))
    reply, said = f"{message_id}.reply", msgspec.json.encode({"msg": "Well?", "status": "completed"})[1:-1]
    entry = await desk.entry()
    done = await desk.scripts.finish(
        desk.keys, desk.session, entry, taken.epoch, 1, Status.COMPLETED, said, "", kept, reply
    )
    assert done.code is Code.OK
    return reply


async def state(desk: Desk) -> dict[str, str]:
    return dict(await desk.backend.store.state(desk.session))


async def questions(desk: Desk) -> set[str]:
    """What of questions is kept."""
    return {field for field in await state(desk) if field == "open" or field.startswith("asked:")}


async def test_only_the_running_attempt_keeps_anything(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    assert await keep(desk, first.epoch, 1, "one") is Code.OK
    second = await desk.take("n2")
    assert second.kept == b"one"
    assert await keep(desk, first.epoch, 2, "of a zombie", 0) is Code.LOST
    assert await keep(desk, second.epoch, 1, "two", 0) is Code.OK
    await desk.release(second.epoch)
    assert await keep(desk, second.epoch, 2, "after the end") is Code.LOST
    third = await desk.take("n3")
    assert third.kept == b"two"
    await desk.finish(third.epoch)
    assert await keep(desk, third.epoch, 1, "after the outcome") is Code.LOST
    assert not {"kept", "step", "mark", "mid"} & (await state(desk)).keys()


async def test_a_late_copy_of_a_checkpoint_does_nothing(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "said"))
    for number, data, seq in ((1, "one", 0), (2, "two", 1), (2, "two", 1), (1, "one", 0)):
        assert await keep(desk, taken.epoch, number, data, seq) is Code.OK
    again = await desk.take("n2", continues=False)
    assert (again.kept, again.partial) == (b"two", "said")


async def test_a_checkpoint_does_not_mark_what_a_failover_lost(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "said"))
    assert await keep(desk, taken.epoch, 1, "one", 1) is Code.OK
    assert await keep(desk, taken.epoch, 2, "two", 2) is Code.BEHIND
    await desk.chunk(delta(taken.epoch, 2, " again"))
    again = await desk.take("n2", continues=False)
    assert (again.kept, again.partial) == (b"one", "said")


async def test_without_memory_a_checkpoint_changes_nothing(private_valkey: StartValkey, prefix: str) -> None:
    backend = await Backend.open(make_settings(private_valkey().address, prefix=prefix))
    try:
        desk = await Desk.open(backend, "s")
        await desk.accept("m1")
        taken = await desk.take("n1")
        await keep(desk, taken.epoch, 1, "one", 0)
        await desk.redis("CONFIG", "SET", "maxmemory", 1)
        facts = await desk.facts()
        with pytest.raises(Unavailable):
            await keep(desk, taken.epoch, 2, "two", 0)
        assert await desk.facts() == facts
        await desk.redis("CONFIG", "SET", "maxmemory", 0)
        assert await keep(desk, taken.epoch, 2, "two", 0) is Code.OK
    finally:
        await backend.close()


async def test_a_question_has_one_answer(desk: Desk) -> None:
    await desk.accept("m1")
    assert (await send(desk, "early", "m1.reply")).code is Code.LATE
    reply = await ask(desk, "m1", await desk.take("n1"))
    assert (await send(desk, "m2", reply)).code is Code.OK
    assert (await send(desk, "m3", reply)).code is Code.LATE
    assert (await send(desk, "m2", reply)).code is Code.DUP
    assert (await send(desk, "m4")).code is Code.OK
    answers = {message.id: message.answers for message in await desk.history()}
    assert answers == {"m1": None, "m1.reply": None, "m2": reply, "m4": None}
    taken = await desk.take("n2")
    claim = claimed("s", "", taken, 10)
    assert (claim.subject.id, claim.journal) == ("m1", Journal("m1", answers=["text of m2"]))
    await desk.finish(taken.epoch)
    assert await questions(desk) == set()


async def test_the_newest_question_is_the_one_that_is_open(desk: Desk) -> None:
    """A message from before the first question asks another one, and then the answer to the first is taken back."""
    await desk.accept("m1")
    await desk.accept("m2")
    first = await ask(desk, "m1", await desk.take("n1"))
    await send(desk, "m3", first)
    second = await ask(desk, "m2", await desk.take("n2"))
    assert await questions(desk) == {"open", f"asked:{first}", f"asked:{second}"}
    await desk.scripts.withdraw(desk.keys, "s", "m3")
    assert (await state(desk))["open"] == second
    assert await questions(desk) == {"open", f"asked:{second}"}


async def test_an_answer_finds_its_question_though_there_is_a_newer_one(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.accept("m2")
    first = await ask(desk, "m1", await desk.take("n1"))
    await send(desk, "m3", first)
    await ask(desk, "m2", await desk.take("n2"))
    claim = claimed("s", "", await desk.take("n3"), 10)
    assert (claim.message.id, claim.subject.id, claim.journal.saved) == ("m3", "m1", "m1")
    assert [message.id for message in claim.context] == ["m1"]


async def test_an_answer_that_is_taken_back_leaves_the_question_open_at_once(desk: Desk) -> None:
    await desk.accept("m1")
    reply = await ask(desk, "m1", await desk.take("n1"))
    await send(desk, "m2")
    await desk.scripts.withdraw(desk.keys, "s", "m2")
    assert (await send(desk, "m3", reply)).code is Code.OK
    claim = claimed("s", "", await desk.take("n2"), 10)
    assert (claim.message.id, claim.journal.answers) == ("m3", ["text of m3"])


async def test_a_change_of_the_past_gives_the_question_up(desk: Desk) -> None:
    await desk.accept("m1")
    reply = await ask(desk, "m1", await desk.take("n1"))
    assert (await send(desk, "m2", replaces="m1")).code is Code.OK
    assert await questions(desk) == set()
    assert (await send(desk, "m3", reply)).code is Code.LATE


async def test_what_an_operator_sends_again_is_no_answer(desk: Desk) -> None:
    await desk.accept("m1")
    await ask(desk, "m1", await desk.take("n1"))
    await desk.backend.queue.retry_dead(DeadLetter(desk.keys.tag, "1-1", "s", "m0", "0-0", 3, ""), "once more")
    assert (await desk.history())[-1].answers is None
    assert "open" in await questions(desk)


async def test_merged_messages_answer_together(desk: Desk) -> None:
    """The answer was being replied to when the rest of it came."""
    await desk.accept("m1")
    reply = await ask(desk, "m1", await desk.take("n1"))
    await send(desk, "m2")
    taken = await desk.take("n2")
    await send(desk, "m3", policy="merge")
    assert (await desk.history())[-1].answers == reply
    await desk.finish(taken.epoch, status=Status.CANCELLED)
    claim = claimed("s", "", await desk.take("n3"), 10)
    assert (claim.subject.id, claim.journal.answers) == ("m1", ["text of m2\n\ntext of m3"])


@pytest.mark.parametrize("policy", ["interrupt", "merge"])
async def test_a_policy_holds_once(desk: Desk, policy: Policy) -> None:
    await send(desk, "m1", policy=policy)
    assert (await send(desk, "m1", policy=policy)).code is Code.DUP
    await send(desk, "m2", policy=policy)
    await send(desk, "m3")
    flags = {field: value for field, value in (await state(desk)).items() if field.startswith("c:")}
    assert flags == {"c:1": "mm2" if policy == "merge" else "1"}
    assert (await send(desk, "m2", policy=policy)).code is Code.DUP
    assert await desk.cancel("m1") is Code.QUEUED
    after = {field: value for field, value in (await state(desk)).items() if field.startswith("c:")}
    assert after == flags


async def test_a_session_keeps_its_bot(desk: Desk) -> None:
    keys = desk.backend.keys.session("other")
    starts = [await desk.scripts.create(keys, "other", "Ada", "digest", bot) for bot in ("poet", "poet", "clerk")]
    assert len(set(starts)) == 1
    other = Desk(desk.backend, "other")
    await other.accept("m1")
    assert claimed("other", "", await other.take("n1"), 10).bot == "poet"
