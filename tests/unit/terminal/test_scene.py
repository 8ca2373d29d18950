from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from unbroken.client import Disconnected
from unbroken.protocol import (
    Error,
    Limits,
    MessageAccepted,
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyFailed,
    ReplyPart,
    ReplyStarted,
    SessionInfo,
    SessionReady,
    Snapshot,
)
from unbroken.terminal.scene import Scene
from unbroken.types import Data, Failure, Message, Reasoning, Role, Source, Status, ToolCall


class Stage:
    def __init__(self) -> None:
        self.console = Console(file=io.StringIO(), width=80, height=40, force_terminal=False)
        self.scene = Scene(self.console.print)

    @property
    def lines(self) -> list[str]:
        assert isinstance(self.console.file, io.StringIO)
        return [line.rstrip() for line in self.console.file.getvalue().splitlines() if line.strip()]

    @property
    def status(self) -> str:
        with self.console.capture() as capture:
            self.console.print(self.scene)
        return capture.get().strip().splitlines()[-1].lstrip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.scene.take(Snapshot([]))
    return stage


def question(turn: int, text: str) -> Message:
    return Message(f"m{turn}", text, Role.USER, "", turn)


def answer(turn: int, text: str, status: Status = Status.COMPLETED, error: Failure | None = None) -> Message:
    return Message(f"m{turn}.reply", text, Role.ASSISTANT, "", turn, reply_to=f"m{turn}", status=status, error=error)


def test_history_is_shown_in_order() -> None:
    stage = Stage()
    stage.scene.take(Snapshot([question(1, "one?"), question(2, "two?"), answer(1, "one!")]))
    assert stage.lines == ["› one?", "one!", "› two?"]


def test_what_was_typed_here_is_not_repeated_and_the_reply_grows(stage: Stage) -> None:
    with stage.scene.following("m1"):
        assert stage.status == "sending …"
        stage.scene.take(MessageAccepted(question(1, "typed here")))
        assert stage.status == "waiting …"
        stage.scene.take(ReplyStarted(1, "m1", 1, ""))
        assert stage.status == "thinking …"
        stage.scene.take(ReplyDelta(1, "Hello"))
        assert stage.lines == []
        stage.scene.take(ReplyCompleted(answer(1, "Hello.")))
    assert stage.lines == ["Hello."]


def test_what_others_do_is_shown_at_the_prompt_reply_by_reply(stage: Stage) -> None:
    stage.scene.take(MessageAccepted(question(1, "from elsewhere")))
    stage.scene.take(ReplyStarted(1, "m1", 1, ""))
    stage.scene.take(ReplyDelta(1, "Hel"))
    assert stage.lines == ["› from elsewhere"]
    stage.scene.take(ReplyCompleted(answer(1, "Hello.")))
    assert stage.lines == ["› from elsewhere", "Hello."]


def test_a_question_from_elsewhere_never_stands_in_the_middle_of_a_reply(stage: Stage) -> None:
    with stage.scene.following("m1"):
        stage.scene.take(MessageAccepted(question(1, "mine")))
        stage.scene.take(ReplyStarted(1, "m1", 1, "first\n\nsec"))
        stage.scene.take(MessageAccepted(question(2, "theirs")))
        stage.scene.take(ReplyCompleted(answer(1, "first\n\nsecond")))
    stage.scene.take(ReplyCompleted(answer(2, "their answer")))
    assert stage.lines == ["first", "second", "› theirs", "their answer"]


def test_one_sees_which_question_a_reply_belongs_to(stage: Stage) -> None:
    stage.scene.take(MessageAccepted(question(1, "theirs")))
    with stage.scene.following("m2"):
        stage.scene.take(MessageAccepted(question(2, "mine")))
        stage.scene.take(ReplyStarted(1, "m1", 1, ""))
        assert stage.status == "queued, 1 before this one …"
        stage.scene.take(ReplyCompleted(answer(1, "their answer")))
        stage.scene.take(ReplyStarted(2, "m2", 1, ""))
        stage.scene.take(ReplyCompleted(answer(2, "my answer")))
    assert stage.lines == ["› theirs", "to “theirs”:", "their answer", "to “mine”:", "my answer"]


def test_the_ends_that_are_not_good_are_named(stage: Stage) -> None:
    stage.scene.take(MessageAccepted(question(1, "a")))
    stage.scene.take(ReplyCancelled(answer(1, "half", Status.CANCELLED)))
    stage.scene.take(MessageAccepted(question(2, "b")))
    stage.scene.take(ReplyFailed(answer(2, "", Status.FAILED, Failure("x", "it broke"))))
    assert stage.lines == ["› a", "half", "— stopped", "› b", "— it broke"]


def test_the_status_says_what_it_waits_for(stage: Stage) -> None:
    with stage.scene.following("m1"):
        stage.scene.take(Disconnected("gone", 1.0))
        assert stage.status == "reconnecting …"
        stage.scene.take(SessionReady(SessionInfo("s", "Ada", ""), Limits(1, 1, 1)))
        assert stage.status == "sending …"
        stage.scene.take(Error("busy", "later", message_id="m1", retry_after=1))
        assert stage.status == "the server is busy; sending again …"
        stage.scene.take(MessageAccepted(question(1, "a")))
        stage.scene.take(ReplyStarted(1, "m1", 1, ""))
        stage.scene.take(ReplyPart(1, ToolCall("t", "search")))
        assert stage.status == "using search …"
        stage.scene.take(ReplyPart(1, Data("state_delta", [{"op": "add", "path": "/found", "value": 1}])))
        assert stage.status == "using search …"
        stage.scene.take(ReplyPart(1, Reasoning("hm")))
        assert stage.status == "thinking …"
        stage.scene.stopping = True
        assert stage.status.startswith("stopping")


def test_what_programs_tell_each_other_is_not_printed(stage: Stage) -> None:
    parts = (Data("state", {"step": 1}), Data("usage", {"input_tokens": 12, "output_tokens": 3}))
    stage.scene.take(MessageAccepted(question(1, "a")))
    stage.scene.take(ReplyCompleted(msgspec.structs.replace(answer(1, "said"), parts=parts)))
    assert stage.lines == ["› a", "said"]


def test_a_reply_that_was_followed_half_is_finished_at_the_prompt(stage: Stage) -> None:
    with stage.scene.following("m1"):
        stage.scene.take(MessageAccepted(question(1, "a")))
        stage.scene.take(ReplyStarted(1, "m1", 1, "first\n\nsec"))
    stage.scene.take(ReplyCompleted(answer(1, "first\n\nsecond")))
    assert stage.lines == ["first", "second"]


def test_a_snapshot_that_holds_the_end_of_the_reply_finishes_it(stage: Stage) -> None:
    with stage.scene.following("m1"):
        stage.scene.take(MessageAccepted(question(1, "a")))
        stage.scene.take(ReplyStarted(1, "m1", 1, "first\n\nsec"))
        stage.scene.take(Snapshot([question(1, "a"), answer(1, "first\n\nsecond")]))
    assert stage.lines == ["first", "second"]


def test_what_was_withdrawn_is_not_shown(stage: Stage) -> None:
    stage.scene.take(Snapshot([msgspec.structs.replace(question(1, "oops"), withdrawn=True), question(2, "b")]))
    stage.scene.take(ReplyCancelled(answer(1, "", Status.CANCELLED)))
    assert stage.lines == ["› b"]


def test_sources_stand_below_the_reply(stage: Stage) -> None:
    stage.scene.take(MessageAccepted(question(1, "a")))
    reply = Message(
        "m1.reply",
        "See.",
        Role.ASSISTANT,
        "",
        1,
        "m1",
        Status.COMPLETED,
        parts=[Source("https://example.com", "Title")],
    )
    stage.scene.take(ReplyCompleted(reply))
    assert stage.lines == ["› a", "See.", "  Title https://example.com"]
