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
from unbroken.types import Data, Failure, Message, Part, Question, Reasoning, Role, Source, Status, ToolCall, ToolResult


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


def test_how_a_reply_comes_about_is_shown_while_it_does_and_once(stage: Stage) -> None:
    call, result = ToolCall("t", "search", {"q": "x"}), ToolResult("t", "found")
    usage = Data("usage", {"input_tokens": 12, "output_tokens": 3})
    parts: list[Part] = [Reasoning("Hm, let"), Reasoning(" me see."), call, result, Reasoning("Now I know."), usage]
    shown = ["  Hm, let me see.", '  → search {"q":"x"}', "  ← search found"]
    with stage.scene.following("m1"):
        stage.scene.take(MessageAccepted(question(1, "a")))
        stage.scene.take(ReplyStarted(1, "m1", 1, ""))
        for part in parts[:2]:
            stage.scene.take(ReplyPart(1, part))
        assert stage.lines == []
        stage.scene.take(ReplyPart(1, call))
        assert stage.lines == shown[:2]
        for part in parts[3:5]:
            stage.scene.take(ReplyPart(1, part))
        assert stage.lines == shown
        stage.scene.take(ReplyDelta(1, "First.\n\nSec"))
        assert stage.lines == [*shown, "  Now I know.", "First."]
        merged = [Reasoning("Hm, let me see."), *parts[2:]]
        stage.scene.take(ReplyCompleted(msgspec.structs.replace(answer(1, "First.\n\nSecond"), parts=merged)))
    assert stage.lines == [*shown, "  Now I know.", "First.", "Second", "  12 tokens in, 3 out"]


def test_of_another_attempt_only_what_is_new_is_shown(stage: Stage) -> None:
    kept, lost, new = Reasoning("kept"), ToolCall("1", "lost"), ToolCall("2", "new")
    with stage.scene.following("m1"):
        stage.scene.take(MessageAccepted(question(1, "a")))
        stage.scene.take(ReplyStarted(1, "m1", 1, ""))
        for part in (kept, lost):
            stage.scene.take(ReplyPart(1, part))
        stage.scene.take(ReplyStarted(1, "m1", 2, "", parts=[kept]))
        stage.scene.take(ReplyPart(1, new))
        stage.scene.take(ReplyPart(1, Reasoning("thus")))
        stage.scene.take(ReplyDelta(1, "so"))
        stage.scene.take(ReplyPart(1, Reasoning(" far")))
        stage.scene.take(
            ReplyCompleted(msgspec.structs.replace(answer(1, "so"), parts=[kept, new, Reasoning("thus far")]))
        )
    assert stage.lines == ["  kept", "  → lost", "  → new", "  thus", "  far", "so"]


def test_a_question_shows_its_options_with_numbers(stage: Stage) -> None:
    stage.scene.take(MessageAccepted(question(1, "a")))
    asked = msgspec.structs.replace(answer(1, "Sure?"), parts=[Question("Sure?", ["yes", "no"])])
    stage.scene.take(ReplyCompleted(asked))
    assert stage.lines == ["› a", "Sure?", "  1 yes", "  2 no"]


def test_a_reply_that_gave_way_to_another_is_not_shown(stage: Stage) -> None:
    with stage.scene.following("m1"):
        stage.scene.take(MessageAccepted(question(1, "one")))
        stage.scene.take(ReplyStarted(1, "m1", 1, "both\n\nha"))
        stage.scene.take(MessageAccepted(question(2, "two")))
        gave_way = msgspec.structs.replace(answer(1, "both\n\nha", Status.CANCELLED), merged_into="m2")
        stage.scene.take(ReplyCancelled(gave_way))
        stage.scene.target = "m2"
        assert stage.status == "waiting …"
        stage.scene.take(ReplyStarted(2, "m2", 1, "both\n\nhalves"))
        stage.scene.take(ReplyCompleted(answer(2, "both\n\nhalves of it")))
    assert stage.lines == ["both", "› two", "both", "halves of it"]


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
