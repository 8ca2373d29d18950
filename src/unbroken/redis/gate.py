"""Paces the connections to a server that is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_LONGEST_PAUSE = 0.5


def pause(failures: int) -> float:
    """Seconds before the next try after so many failures: a little longer each time, and never the same twice."""
    longest = min(_LONGEST_PAUSE, 0.025 * (1 << failures))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - only spreads the load


class Gate:
    """What all connections of a process to one server pass when they are dialled.

    While the server answers it is open. Once a dial failed, one at a time tries again, after a pause, and all others
    share its outcome: a server that is away costs no more for twenty connections than for one.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._trial: asyncio.Future[Exception | None] | None = None

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Holds one dial.

        Raises:
            ConnectionError: somebody else's dial failed meanwhile, for the reason that it says.
        """
        while self._failures:
            if self._trial is None:
                async with self._try():
                    yield
                return
            error = await asyncio.shield(self._trial)
            if error is not None:
                raise type(error)(str(error))
        try:
            yield
        except ConnectionError:
            self._failures = self._failures or 1
            raise

    @asynccontextmanager
    async def _try(self) -> AsyncIterator[None]:
        trial = self._trial = asyncio.get_running_loop().create_future()
        outcome: Exception | None = ConnectionError("dialling was given up")
        try:
            await asyncio.sleep(pause(self._failures))
            yield
            self._failures, outcome = 0, None
        except ConnectionError as error:
            self._failures, outcome = min(self._failures + 1, 10), error
            raise
        finally:
            self._trial = None
            trial.set_result(outcome)
