"""A watcher: the real `Viewer` of a server, on a channel that loses and repeats, and what a client makes of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from tests.model.picture import Picture
from tests.model.router import drive
from tests.model.violation import require
from unbroken.cursor import Cursor
from unbroken.errors import SessionGone
from unbroken.log import Entry, Page
from unbroken.protocol import Snapshot, decode_event
from unbroken.server.viewer import Item, Replaced, State, Viewer
from unbroken.types import Message

if TYPE_CHECKING:
    from tests.model.world import World

QUEUE_BYTES = 1500
"""So little that a client which does not look for a while loses its queue."""

_messages = msgspec.json.Decoder(list[Message])


class Client:
    """One client of one session, whichever server it is connected to.

    Attributes:
        inbound: what the live channel brought and nobody has looked at.
        cursor: everything up to it was seen.
        picture: what the client shows.
    """

    def __init__(self, world: World, session: str, page: int) -> None:
        self._world = world
        self._page = page
        self.session = session
        self.inbound: deque[bytes] = deque()
        self.viewer = Viewer(None, QUEUE_BYTES)
        self.cursor: Cursor | None = None
        self.picture = Picture()
        self.gone = False
        self._history = 0
        self._read: tuple[int, int, Page] | None = None

    def listen(self, count: int, loss: float = 0.12, repeat: float = 0.05) -> None:
        """Hands so many live messages to the server, loses some, and keeps copies of some for later."""
        for _ in range(min(count, len(self.inbound))):
            payload = self.inbound.popleft()
            if self._world.chance.random() < repeat:
                self.inbound.append(payload)
            if self._world.chance.random() >= loss:
                before = self.viewer.state
                self.viewer.entry(Entry.from_live(payload))
                self._world.happened[f"{before.value} to {self.viewer.state.value}"] += 1

    @property
    def behind(self) -> bool:
        """Whether the log has to be read."""
        return not self.gone and not self._read and self.viewer.state is State.BEHIND

    @property
    def reading(self) -> bool:
        """Whether a page is on its way."""
        return self._read is not None

    def read(self) -> None:
        """Starts to read the log, if that has to be. What Redis answers arrives with `arrive`."""
        if not self.behind:
            return
        self.show()
        ticket, cursor = self.viewer.read()
        try:
            page = drive(self._world.log.resume(self.session, cursor, self._page))
        except SessionGone:
            self.gone = True
            return
        self._world.happened["snapshot" if page.snapshot is not None else "resume"] += 1
        self._read = ticket, self._world.histories, page

    def arrive(self) -> None:
        """Takes in the page that was read."""
        if self._read:
            ticket, history, page = self._read
            self._read = None
            self.viewer.page(ticket, page)
            self._history = history

    def show(self) -> None:
        """Shows what the server has for the client, and compares it with what happened."""
        items = self.viewer.take()
        for item in items:
            self._show(item)
        if items and self._history == self._world.histories:
            self.compare()

    def _show(self, item: Item) -> None:
        if isinstance(item, Replaced):
            self.picture = self.picture.after(Snapshot(_messages.decode(item.messages)))
        else:
            self.picture = self.picture.after(decode_event(item.entry.frame))
        self.cursor = item.cursor

    def compare(self) -> None:
        """The client shows exactly what a reader of the whole log up to its cursor has seen."""
        assert self.cursor is not None
        journal = self._world.journals[self.session]
        place = journal.places.get(self.cursor.log)
        if place is None:
            # A replaced worker's chunk went out though Redis refused it, and the client had missed the replacement.
            require(self.cursor.log in journal.refused, "D: a cursor that never was", self.cursor)
            self._world.happened["chunk of the past"] += 1
            return
        messages = journal.seen(self.cursor.turn.first, place.outcomes, self.cursor.change.first)
        require(self.picture.messages == messages, "D: other messages", self.cursor, self.picture, messages)
        require(self.picture.running == place.running, "D: another text", self.cursor, self.picture, place)

    def check_position(self) -> None:
        """What a server does now and then for a quiet session."""
        newest = drive(self._world.log.position(self.session))
        if newest is None:
            self.gone = True
        else:
            self.viewer.position(newest)

    def lose_live(self) -> None:
        """The subscription broke and stands again, at a server that may know another past."""
        self.inbound.clear()
        if self.gone and not self._world.journals[self.session].gone:
            self.connect(self.cursor, self.picture)
        self.viewer.gap()

    def connect(self, cursor: Cursor | None, picture: Picture) -> None:
        """Comes back after a while, to another server, with what it knew then."""
        self.inbound.clear()
        self.gone = False
        self.cursor, self.picture = cursor, picture
        self.viewer = Viewer(cursor, QUEUE_BYTES)
        self._read = None

    def settle(self) -> None:
        """Catches up with everything."""
        for _ in range(200):
            self.listen(len(self.inbound), loss=0, repeat=0)
            self.show()
            if self.gone or (self.viewer.state is State.LIVE and not self.reading and not self.inbound):
                return
            self.read()
            self.arrive()
        require(False, "D: a client never catches up", self.session, self.cursor)
