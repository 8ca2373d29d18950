"""One session under load: the real client, which types and changes its mind, and raw observers in other tabs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence

from tests.faults.bots import asking, question, raises, reply
from tests.faults.observer import Frame, Observer
from tests.faults.violations import Verdict
from unbroken.client import Client
from unbroken.client.chat import Chat
from unbroken.client.feed import ChatEvent
from unbroken.client.sent import Sent
from unbroken.errors import UnbrokenError
from unbroken.types import Feedback, Message, Role, Status

PATIENCE = 90.0
"""Seconds that the real client tries for."""
MOST_WAITING = 3
ASKING = 0.2
"""How often the bot asks something."""
GIVEN_UP = "attempts_exhausted"
"""Code of a reply whose every attempt ended with its worker."""


class Talk:
    """Talks until it is told to stop.

    Attributes:
        sent: every message that the client took.
        heard: what the client's own feed gave, and when.
        watching: the raw observers.
        asked: whether the bot asks its users now and then.
    """

    def __init__(
        self, number: int, urls: Sequence[str], rng: random.Random, verdict: Verdict, *, asked: bool = False
    ) -> None:
        self.number = number
        self.asked = asked
        self.rng = rng
        self.verdict = verdict
        turned = [*urls[number % len(urls) :], *urls[: number % len(urls)]]
        self._urls = turned
        self.client = Client(*turned, timeout=PATIENCE)
        self.chat: Chat
        self.sent: list[Sent] = []
        self.heard: list[tuple[float, ChatEvent]] = []
        self.watching: list[Observer] = []
        self.stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._listening: list[asyncio.Task[None]] = []

    async def open(self, observers: int) -> None:
        """Creates the session and lets everybody watch."""
        self.chat = await self.client.create(f"talk {self.number}")
        for number in range(observers):
            urls = self._urls if number % 2 else self._urls[::-1]
            self.watching.append(Observer(urls, self.chat.token, self.session, self.verdict))
        self._tasks = [asyncio.create_task(observer.run()) for observer in self.watching]
        self._tasks += [asyncio.create_task(self._hear()), asyncio.create_task(self._talk())]

    @property
    def session(self) -> str:
        return self.chat.session.id

    async def say(self, text: str) -> Sent:
        """Sends one more message, and listens to its reply."""
        sent = await self.chat.send(text, id=f"t{self.number}m{len(self.sent)}")
        self.sent.append(sent)
        self._listening.append(asyncio.create_task(self._listen(sent)))
        return sent

    async def leave(self) -> None:
        """Nobody watches any more, and the session is deleted."""
        await self._stop()
        await self.chat.delete()

    async def close(self) -> None:
        """Ends everything here; the session stays."""
        await self._stop()
        await self.client.close()

    async def _stop(self) -> None:
        tasks = [*self._tasks, *self._listening]
        self._tasks, self._listening = [], []
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(end, Exception):
                self.verdict.require(False, "D", self.session, "a reader broke:", repr(end))

    # What goes on until then

    async def _hear(self) -> None:
        async for event in self.chat.events():
            self.heard.append((time.monotonic(), event))

    async def _listen(self, sent: Sent) -> None:
        """The pieces of a reply, joined from the last restart on, are the reply."""
        shown = ""
        async for piece in sent:
            shown = piece if piece.restart else shown + piece
        reply = await sent.reply()
        self.verdict.require(reply.msg == shown, "D", self.session, f"iterated {shown!r}, committed {reply.msg!r}")

    async def _talk(self) -> None:
        while not self.stopping:
            if len(self.chat.unanswered) < self.rng.randint(1, MOST_WAITING):
                label = f"s{self.number}m{len(self.sent)}"
                text = asking if self.asked and self.rng.random() < ASKING else question
                await self.say(text(label, self.rng.randint(8, 40), self.rng.uniform(0.01, 0.04)))
            if self.rng.random() < 0.15:
                await self.whim()
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))

    async def whim(self) -> None:
        """Changes its mind about something."""
        act = self.rng.choice((self.cancel, self.edit, self.withdraw, self.send_now, self.judge, self.rename))
        with contextlib.suppress(UnbrokenError):  # too late, or no server now: the message stays as it is
            async with asyncio.timeout(PATIENCE):
                await act()

    def _some(self) -> str:
        waiting = self.chat.unanswered or self.sent[-1:]
        return self.rng.choice(waiting).id if waiting else "nobody"

    async def cancel(self) -> None:
        await self.chat.cancel(self._some())

    async def edit(self) -> None:
        label = f"s{self.number}e{self.rng.randint(0, 999)}"
        await self.chat.edit(self._some(), question(label, self.rng.randint(5, 20), 0.02))

    async def withdraw(self) -> None:
        await self.chat.withdraw(self._some())

    async def send_now(self) -> None:
        await self.chat.send_now(self._some())

    async def judge(self) -> None:
        replies = [m for m in self.chat.transcript.messages if m.role is Role.ASSISTANT]
        if replies:
            await self.chat.feedback(self.rng.choice(replies).id, self.rng.choice((None, *Feedback)))

    async def rename(self) -> None:
        await self.chat.rename(f"talk {self.number} {self.rng.randint(0, 999)}")

    # The end

    async def drained(self) -> None:
        """Waits until all replies are here, and every observer has seen them."""
        self.stopping = True
        await self._tasks[-1]
        for sent in self.sent:
            await sent.reply()
        await asyncio.gather(*self._listening)
        for observer in self.watching:
            await observer.until(lambda o: o.sight.messages == list(self.chat.transcript.messages))

    def check(self, history: list[Message]) -> None:
        """A, B and D, for all that anybody saw of this session. `history` is in the order in which it was stored."""

        def require(holds: object, invariant: str, *what: object) -> None:
            self.verdict.require(holds, invariant, self.session, *what)

        asked = [m.id for m in history if m.role is Role.USER]
        answered = [m.reply_to for m in history if m.role is Role.ASSISTANT]
        for sent in self.sent:
            require(asked.count(sent.id) == 1, "A", f"{sent.id} is stored {asked.count(sent.id)} times")
            require(answered.count(sent.id) == 1, "A", f"{sent.id} has {answered.count(sent.id)} outcomes")
        require(sorted(asked) == sorted(s.id for s in self.sent), "A", "stored:", asked, "sent:", len(self.sent))
        turns = [m.turn for m in history if m.role is Role.ASSISTANT]
        require(turns == sorted(turns), "B", "outcomes were committed in the order", turns)
        asks = {m.turn: m for m in history if m.role is Role.USER}
        for found in history:
            if found.role is Role.ASSISTANT:
                whole, text = reply(asks[found.turn], asks.values()), asks[found.turn].msg
                good = found.msg == whole if found.status is Status.COMPLETED else whole.startswith(found.msg)
                require(good, "A", f"{found.status} reply {found.msg!r} to {text!r}")
                given_up = found.error is not None and found.error.code == GIVEN_UP
                good = found.status is not Status.FAILED or given_up or raises(text)
                require(good, "A", f"a reply to {text!r} failed: {found.error}")
        given = [m.answers for m in asks.values() if m.answers and not m.withdrawn]
        require(len(given) == len(set(given)), "A", "two answers to one question:", given)
        shown = sorted(history, key=lambda m: (m.turn, m.role is Role.ASSISTANT))
        transcript = self.chat.transcript
        require(list(transcript.messages) == shown, "D", "the client shows", transcript.messages, "not", shown)
        require(transcript.running is None, "D", "the client still shows", transcript.running)
        for observer in self.watching:
            require(observer.sight.messages == shown, "D", "an observer shows", observer.sight.messages, "not", shown)
            require(observer.sight.saying is None, "D", "an observer still shows", observer.sight.saying)

    def frames(self) -> list[Frame]:
        """Everything that any observer got, in the order of time."""
        return sorted(
            (frame for o in self.watching for visit in o.visits for frame in visit.frames), key=lambda f: f.at
        )
