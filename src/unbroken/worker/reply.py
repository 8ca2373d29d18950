"""One attempt to answer one message: from the claim to the committed outcome."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from enum import Enum
from functools import partial

from unbroken.backend import Backend
from unbroken.claim import Claim, Outcome
from unbroken.errors import BotError, LeaseLost, MessageRefused, Unavailable
from unbroken.turn import Turn
from unbroken.types import Failure, Status
from unbroken.worker import pieces
from unbroken.worker.bots import Place
from unbroken.worker.keeper import Asking, ReplyKeeper
from unbroken.worker.outbox import Outbox
from unbroken.worker.patience import insist

logger = logging.getLogger("unbroken.worker")

CLEANUP = 5.0
"""Seconds that a bot which was stopped may take to clean up, before it is left to itself."""

_BREATH = 32
"""Pieces after which the event loop gets a turn, for bots that never wait for anything."""


class Stop(Enum):
    """Why a bot is stopped before its end."""

    CANCELLED = "somebody cancelled the reply"
    LOST = "another attempt owns the reply"
    GONE = "the session is gone"
    HANDED_BACK = "this worker stops"


_ELSEWHERE = (Stop.LOST, Stop.HANDED_BACK)
"""Ends of an attempt, but not of the reply."""


class Reply:
    """Runs the bot, sends what it says, and commits exactly one outcome, unless another worker took over."""

    def __init__(self, claim: Claim, place: Place, backend: Backend, outbox: Outbox) -> None:
        self.claim = claim
        self._bot, self._limit = place.bot, place.limit
        self._queue = backend.queue
        self._settings = settings = backend.settings
        self._channel = outbox.open(claim, on_lost=self._lost, on_gone=lambda: self.stop(Stop.GONE))
        self._keeper = ReplyKeeper(
            claim, self._channel, self._queue, backend.store, settings.reply_bytes, self._asked, self._lost
        )
        self._turn = Turn(
            claim.text,
            messages=claim.context,
            session=claim.session,
            session_name=claim.name,
            message_id=claim.subject.id,
            number=claim.subject.turn,
            attempt=claim.attempt,
            partial=claim.partial,
            parts=claim.parts,
            journal=claim.journal,
            keeper=self._keeper,
        )
        self._loop = asyncio.get_running_loop()  # asking for it again costs a system call each time, in Python 3.11
        self._over: asyncio.Future[Stop | Asking | BaseException | None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None

    def stop(self, why: Stop | BotError) -> None:
        """Stops the bot. Comes to nothing once the bot has ended: then its outcome is under way."""
        if not self._over.done():
            self._over.set_result(why)
            self._turn.cancel(goes_on=why in _ELSEWHERE)
            if self._task is not None:
                self._task.cancel()

    def _lost(self) -> None:
        self.stop(Stop.LOST)

    def _asked(self, asking: Asking) -> None:
        """Ends the reply with a question. The bot is stopped where it asked."""
        if not self._over.done():
            self._channel.put(f"\n\n{asking.question.text}" if self._channel.spoke else asking.question.text)
            self._channel.put(asking.question)
            self._over.set_result(asking)
            self._channel.close()
            if self._task is not None:
                self._task.cancel()

    async def run(self) -> None:
        """Answers. Returns when the outcome is committed, or is another worker's business.

        Neither a bot nor Redis makes it raise; while Redis is away it goes on, and commits when Redis is back.
        """
        self._task = self._loop.create_task(self._speak(), name=f"reply to {self.claim.session}")
        if self._over.done():
            self._task.cancel()  # stopped before it began: the bot does not even start
        limit = self._settings.reply_timeout
        timer = self._loop.call_later(limit, self._expire, limit) if limit else None
        try:
            await self._conclude(await self._over)
        except LeaseLost:
            logger.info("session %s: another worker has taken over", self.claim.session)
        except asyncio.CancelledError:
            self._turn.cancel(goes_on=True)
            self._task.cancel()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._channel.close()
            self._keeper.close()
            await self._clean_up(self._task)
            # they call back here: in a cycle they would wait, with the conversation, for the garbage collector
            del self._turn, self._channel, self._keeper

    def _expire(self, limit: float) -> None:
        error = BotError(
            f"the reply took more than {limit:g} s",
            public="The reply took too long and was stopped.",
            code="reply_timeout",
        )
        self.stop(error)

    async def _speak(self) -> None:
        """Runs the bot to its end, or until it is stopped."""
        put, turn = self._channel.put, self._turn
        answer = None
        try:
            async with self._limit:
                answer = self._bot.reply(turn)
                count = 0
                async for piece in answer:
                    if self._over.done():
                        break  # the bot did not mind being cancelled
                    if piece and not turn.replaying:  # providers like to end with an empty piece
                        put(piece)
                    count += 1
                    if not count % _BREATH:
                        await asyncio.sleep(0)
        except BaseException as error:  # whatever it is, the worker lives on
            self._end(error)
        else:
            self._end(None)
        finally:
            close = getattr(answer, "aclose", None)
            if close is not None:
                await close()

    def _end(self, error: BaseException | None) -> None:
        if not self._over.done():
            self._over.set_result(error)
            self._channel.close()  # in the same tick: what was not sent yet goes with the outcome

    async def _conclude(self, ending: Stop | Asking | BaseException | None) -> None:
        text = self._channel.text
        match ending:
            case None:
                await self._commit(Outcome(Status.COMPLETED, text, parts=self._channel.parts))
            case Stop.CANCELLED:
                await self._commit(Outcome(Status.CANCELLED, text, parts=self._channel.parts))
            case Asking(journal=journal):
                await self._commit(Outcome(Status.COMPLETED, text, parts=self._channel.parts, journal=journal))
            case Stop.LOST:
                raise LeaseLost(f"session {self.claim.session} was taken over by a newer attempt")
            case Stop.GONE:
                # finish finds the same, and drops the session's entry
                error = Failure("session_gone", "The session ended.")
                await self._commit(Outcome(Status.FAILED, text, error, reason=str(ending.value)))
            case Stop.HANDED_BACK:
                await self._hand_back()
            case _:
                await self._commit(self._failed(ending, text))

    def _failed(self, error: BaseException, text: str) -> Outcome:
        """What a bot's exception means for the user; the log has the rest, under the same reference."""
        reference = secrets.token_hex(4)
        known = error if isinstance(error, BotError) else BotError(f"{type(error).__name__}: {error}")
        logger.error(
            "reply failed [%s]: bot %s, session %s, attempt %d: %s",
            reference,
            self._bot.name,
            self.claim.session,
            self.claim.attempt,
            known,
            exc_info=None if known is error else error,
        )
        failure = Failure(known.code, known.public, reference)
        return Outcome(Status.FAILED, text, failure, self._channel.parts, reason=f"[{reference}] {known}"[:500])

    async def _commit(self, outcome: Outcome) -> None:
        """Commits the outcome, or the plainest version of it that the store takes. Waits for Redis if it must."""
        self._channel.close()
        seq = self._channel.next_seq
        for version in pieces.versions(outcome):
            try:
                finish = partial(self._queue.finish, self.claim, seq, version)
                await insist(finish, self.claim.session, "the outcome")
                break
            except (MessageRefused, *pieces.UNENCODABLE) as error:
                logger.warning("session %s: the reply is committed in a plainer form: %s", self.claim.session, error)
                seq += 1
        else:
            logger.error("session %s: the store refuses every form of the reply", self.claim.session)
        if outcome.status is Status.COMPLETED and not outcome.text and not outcome.parts:
            logger.warning("bot %s answered with nothing in session %s", self._bot.name, self.claim.session)
        logger.debug("session %s, turn %d: %s", self.claim.session, self.claim.turn.first, outcome.status)

    async def _hand_back(self) -> None:
        """Lets another worker go on at once: behind the last word if the bot continues, else from the start."""
        if self._bot.continues:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._channel.flushed()
        self._channel.close()
        try:
            await self._queue.release(self.claim)
        except Unavailable as error:
            logger.warning("session %s could not be handed back: %s", self.claim.session, error)

    async def _clean_up(self, task: asyncio.Task[None]) -> None:
        """Waits for what the bot does when it is closed, but not for ever."""
        if not task.done():
            await asyncio.wait([task], timeout=CLEANUP)
        if not task.done():
            logger.warning("bot %s does not stop in session %s", self._bot.name, self.claim.session)
            task.cancel()
            return
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("bot %s failed to clean up: %r", self._bot.name, error)
