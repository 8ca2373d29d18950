"""A connection that comes back: one place to one server, dialled again when it is needed and lost."""

from __future__ import annotations

import asyncio

from unbroken.redis.dial import Dialer, Greeting, LoginRefused, NotPrimary
from unbroken.redis.gate import pause
from unbroken.redis.topology import Node
from unbroken.redis.wire import PushHandler, Wire


class Link:
    """A connection to one node that is dialled again when it is needed and lost.

    All callers share one dial. The dialer makes it wait after one that failed, and a link after a connection that did
    not last, longer each time: nobody who repeats a call needs to pace himself.

    Args:
        name: shown by CLIENT LIST.
        patience, probe, on_push, any_role: as in `Dialer.dial`.
    """

    _LASTING = 1.0

    def __init__(
        self,
        dialer: Dialer,
        node: Node,
        name: str,
        *,
        patience: float | None = None,
        probe: float = 10.0,
        on_push: PushHandler | None = None,
        any_role: bool = False,
    ) -> None:
        self._dialer = dialer
        self.node = node
        self._name = name
        self._patience = patience
        self._probe = probe
        self._on_push = on_push
        self._any_role = any_role
        self._wire: Wire | None = None
        self._greeting: Greeting | None = None
        self._dialling: asyncio.Task[Wire] | None = None
        self._short_lived = 0
        self._since = 0.0
        self._closed = False

    @property
    def wire(self) -> Wire | None:
        """The open connection, or None."""
        return self._wire if self._wire is not None and self._wire.open else None

    @property
    def greeting(self) -> Greeting:
        """What the server said when it was dialled last."""
        assert self._greeting is not None
        return self._greeting

    def wake(self) -> None:
        """Begins to dial, if there is no connection and nobody dials."""
        # A dial that has ended counts as none, also before its callback ran: whoever awaited it over and over would
        # never let the event loop run that callback, or anything else.
        if self.wire is None and (self._dialling is None or self._dialling.done()) and not self._closed:
            self._dialling = asyncio.create_task(self._dial())
            self._dialling.add_done_callback(self._dialled)

    async def open(self) -> Wire:
        """The open connection, dialled if need be.

        Raises:
            ConnectionError: dialling failed; LoginRefused and NotPrimary say why.
        """
        if self._closed:
            raise ConnectionError("closed")
        wire = self.wire
        if wire is not None:
            return wire
        self.wake()
        dialling = self._dialling
        assert dialling is not None
        try:
            return await asyncio.shield(dialling)
        except asyncio.CancelledError:
            if dialling.cancelled():
                raise ConnectionError("dialling was given up") from None
            raise

    def drop(self, reason: str) -> None:
        """Gives up the open connection; the next `open` dials anew."""
        if self._wire is not None:
            self._wire.abort(reason)

    def interrupt(self) -> None:
        """Gives up a dial that is under way; who waits for it gets ConnectionError."""
        if self._dialling is not None:
            self._dialling.cancel()

    async def _dial(self) -> Wire:
        if self._short_lived:
            await asyncio.sleep(pause(self._short_lived))
        try:
            self._wire, self._greeting = await self._dialer.dial(
                self.node,
                self._name,
                patience=self._patience,
                probe=self._probe,
                on_push=self._on_push,
                on_lost=self._lost,
                any_role=self._any_role,
            )
        except (LoginRefused, NotPrimary) as error:
            if self._wire is not None:  # else nothing was lost, and whoever connects first is told
                self._dialer.lost(self.node, str(error), type(error))
            raise
        self._since = asyncio.get_running_loop().time()
        self._dialer.found(self.node)
        return self._wire

    def _dialled(self, task: asyncio.Task[Wire]) -> None:
        if self._dialling is task:
            self._dialling = None
        if not task.cancelled():
            task.exception()  # those who wait get it; if nobody waits, nobody is to be warned

    def _lost(self, wire: Wire, reason: str) -> None:
        if wire is self._wire:  # else it was lost while it was dialled, which the dial reports
            lasted = asyncio.get_running_loop().time() - self._since > self._LASTING
            self._short_lived = 0 if lasted else min(self._short_lived + 1, 10)
            self._dialer.lost(self.node, reason)

    async def close(self) -> None:
        """Closes the connection for good."""
        self._closed = True
        while self._dialling is not None:
            self.interrupt()  # more than once, because asyncio.wait_for of Python 3.11 may swallow a cancellation
            await asyncio.wait([self._dialling], timeout=0.05)
        if self._wire is not None:
            await self._wire.close()
