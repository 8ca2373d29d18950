"""What a person sees of a chat: events in, lines printed for good, and one part that is still being drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, RenderResult
from rich.spinner import Spinner
from rich.text import Text

from unbroken.client import ChatEvent, Disconnected, Transcript
from unbroken.client.transcript import advance
from unbroken.protocol import Error, ReplyDelta, ReplyPart, ReplyStarted, SessionReady
from unbroken.terminal import parts
from unbroken.terminal.reply import ReplyView
from unbroken.types import Data, Message, Part, Reasoning, Role, Status, ToolCall


class Scene:
    """The chat on a screen. The object itself draws what is not finished: the reply that is written, and a status.

    Args:
        print: prints for good, above what is being drawn.

    Attributes:
        transcript: what was shown, as opposed to what the client knows already.
        target: the message whose reply is followed, if one is.
        stopping: the user wants the reply to stop.
    """

    def __init__(self, print: Callable[..., None]) -> None:  # noqa: A002 - it is one
        self.transcript = Transcript()
        self.target: str | None = None
        self.stopping = False
        self._print = print
        self._view = ReplyView(print)
        self._viewed: str | None = None
        self._told: list[parts.Step] = []
        self._thinking = False
        self._asked: list[str] = []
        self._note = ""
        self._spinner = Spinner("dots", style="cyan")

    @contextmanager
    def following(self, message_id: str) -> Iterator[None]:
        """Meanwhile replies appear as they are written. The message was typed here: it need not be printed."""
        self.target = message_id
        if message_id not in self._asked:
            self._asked.append(message_id)
        self._note, self.stopping = "", False
        self._stream()
        try:
            yield
        finally:
            self.target = None

    def take(self, event: ChatEvent) -> None:
        """Shows an event."""
        if isinstance(event, Disconnected):
            self._note = "reconnecting"
            return
        if isinstance(event, Error):
            self._note = "the server is busy; sending again" if event.retry_after else ""
        elif isinstance(event, SessionReady):
            self._note = ""
        elif isinstance(event, ReplyStarted | ReplyDelta | ReplyPart):
            self._thinking = isinstance(event, ReplyPart) and isinstance(event.part, Reasoning)
        before, self.transcript = self.transcript, advance(self.transcript, event)
        if self.transcript.messages is not before.messages:
            self._note = ""
            self._show_new({message.id for message in before.messages})
        if self.target:
            self._stream()

    def _show_new(self, known: set[str]) -> None:
        for message in self.transcript.shown:
            if message.id in known:
                continue
            if message.role is Role.ASSISTANT:
                self._show_reply(message)
            elif self._viewed is None:  # otherwise it would stand in the middle of another reply
                self._ask(message.id)

    def _ask(self, message_id: str) -> None:
        """Makes sure that one sees which question the following reply answers."""
        question = self.transcript.question(message_id)
        if question is None or self._asked[-1:] == [message_id]:
            return
        if message_id in self._asked:
            self._print(Text(f"to “{_shortened(question.msg)}”:", "quiet"))
        else:
            self._print(Text.assemble(("› ", "bold cyan"), question.msg))
        self._asked.append(message_id)

    def _show_reply(self, message: Message) -> None:
        self._ask(message.reply_to or "")
        if self._viewed != message.reply_to:
            self._view_another(message.reply_to)
        self._thinking = False
        self._tell(message.parts)
        self._view.update(message.msg)
        self._view.finish()
        self._viewed = None
        for line in parts.below(message.parts):
            self._print(line)
        if message.status is Status.CANCELLED:
            self._print(Text("— stopped", "warn"))
        elif message.status is Status.FAILED:
            self._print(Text(f"— {message.error.message if message.error else 'the reply failed'}", "bad"))
        self._print()

    def _stream(self) -> None:
        running = self.transcript.running
        if running is None:
            return
        if self._viewed != running.message_id:
            self._view_another(running.message_id)
            self._ask(running.message_id)
        self._tell(running.parts)
        self._view.update(running.text)

    def _view_another(self, message_id: str | None) -> None:
        """What was drawn of another reply until now gave way to this one, and goes."""
        self._view.drop()
        self._viewed, self._told = message_id, []

    def _tell(self, of: Sequence[Part]) -> None:
        """Prints how the reply came about, as far as that is new; of reasoning only what is finished."""
        steps = parts.steps(of)
        if self._thinking and steps and isinstance(steps[-1], Reasoning):
            steps[-1:] = self._told[len(steps) - 1 : len(steps)]
        for step, old in zip_longest(steps, self._told[: len(steps)]):
            if step == old:
                continue
            if isinstance(step, Reasoning) and isinstance(old, Reasoning) and step.text.startswith(old.text):
                step = Reasoning(step.text[len(old.text) :])
            self._print(parts.step(step, of))
        self._told = steps

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._view
        self._spinner.text = Text(f" {self._status()}", "quiet")
        yield self._spinner

    def _status(self) -> str:
        if self.stopping:
            return "stopping … (Ctrl-C again: leave)"
        if self._note:
            return f"{self._note} …"
        running = self.transcript.running
        if running and running.message_id == self.target:
            # what agents and programs tell each other meanwhile is nothing to see
            last = next((part for part in reversed(running.parts) if not isinstance(part, Data)), None)
            if isinstance(last, ToolCall):
                return f"using {last.name} …"
            return "thinking …" if not running.text or isinstance(last, Reasoning) else ""
        question = self.transcript.question(self.target) if self.target else None
        if question is None:
            return "sending …"
        before = sum(message.turn < question.turn for message in self.transcript.waiting) + (running is not None)
        return f"queued, {before} before this one …" if before else "waiting …"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
