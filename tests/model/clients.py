"""A client: the real `Conversation` of the library, at the real `Viewer` and `Connection` of a server.

Between them the live channel loses and repeats, commands are lost, and connections break. What the client shows is
compared with the plainest reducer of its events, and with what happened.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

from tests.model.picture import Picture
from tests.model.router import drive
from tests.model.violation import require
from unbroken.client.conversation import Conversation
from unbroken.client.transcript import Running as Said
from unbroken.cursor import Cursor
from unbroken.errors import Refused, SessionGone, Unavailable
from unbroken.log import Entry, Page
from unbroken.protocol import Limits, SessionInfo, SessionReady, decode_event, encode
from unbroken.server.commands import perform
from unbroken.server.connection import Action, Connection
from unbroken.server.dialects.native import Native
from unbroken.server.viewer import Item, Shown, State, Viewer

if TYPE_CHECKING:
    from tests.model.world import World
    from unbroken.backend import Backend

QUEUE_BYTES = 1500
"""So little that a client which does not look for a while loses its queue."""


PAGE_BYTES = 300
"""A page of the log ends behind so many bytes, which are three chunks or four."""


class Memory(NamedTuple):
    """What a client knew at some time, and what it still wanted."""

    cursor: Cursor | None
    picture: Picture
    conversation: Conversation

    def copy(self) -> Memory:
        """One that does not change with the client."""
        shared = {id(self.conversation.transcript): self.conversation.transcript}
        return self._replace(conversation=copy.deepcopy(self.conversation, shared))


class Client:
    """One client of one session, whichever server it is connected to.

    Attributes:
        inbound: what the live channel brought and nobody has looked at.
        cursor: everything up to it was seen.
        picture: what the client shows.
        gone: it was told that the session is gone.
        greeted: how many failovers there had been when it was told the session's name.
    """

    def __init__(self, world: World, session: str, page: int) -> None:
        self._world = world
        self._page = page
        self.session = session
        self.inbound: deque[bytes] = deque()
        self.connect(Memory(None, Picture(), Conversation()))
        self._history = 0

    def connect(self, memory: Memory) -> None:
        """Comes back after a while, to another server, with what it knew then."""
        self.inbound.clear()
        self.gone = False
        self.cursor, self.picture, self.conversation = memory
        self.viewer = Viewer(self.cursor, QUEUE_BYTES)
        self._server = Connection(Native(), violations=1)
        self._read: tuple[int, int, Page] | None = None
        self.greeted = self._world.histories
        session = SessionInfo(self.session, self._world.journals[self.session].name, "")
        self._do(self._server.opened(SessionReady(session, Limits(65_536, 0, 0))))

    @property
    def memory(self) -> Memory:
        """What it knows now."""
        return Memory(self.cursor, self.picture, self.conversation)

    # From the server

    def listen(self, count: int, loss: float = 0.12, repeat: float = 0.05) -> None:
        """Hands so many live messages to the server, loses some, and keeps copies of some for later."""
        chance = self._world.chance
        for _ in range(min(count, len(self.inbound))):
            payload = self.inbound.popleft()
            if chance.random() < repeat:
                self.inbound.append(payload)
            if chance.random() >= loss:
                before = self.viewer.state
                self._hear(Entry.from_live(payload), waits=chance.random() < 0.5)
                self._world.happened[f"{before.value} to {self.viewer.state.value}"] += 1

    def _hear(self, entry: Entry, *, waits: bool) -> None:
        """The server shows a live entry at once to a client that waits for it."""
        if not waits:
            self.viewer.entry(entry)
            return
        cursor = self.viewer.at_once(entry)
        if cursor is not None:
            self._show([Shown(entry, cursor)])
        else:
            self.show()

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
            page = drive(self._world.log.resume(self.session, cursor, self._page, PAGE_BYTES))
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
        if items := self.viewer.take():
            self._show(items)

    def _show(self, items: list[Item]) -> None:
        self._do(self._server.shown(items))
        if self.gone:
            return
        self.cursor = items[-1].cursor
        require(self.conversation.cursor == str(self.cursor), "D: a client keeps another cursor", self.cursor)
        if self._history == self._world.histories:
            self.compare()

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, bytes):
                event = decode_event(action)
                self.conversation.receive(event, self._world.moment)
                self.picture = self.picture.after(event)
                self.gone |= self.conversation.gone is not None

    def compare(self) -> None:
        """The client shows exactly what a reader of the whole log up to its cursor has seen."""
        assert self.cursor is not None
        shown, running = self.conversation.transcript, self.picture.running
        same = shown.messages == self.picture.messages and shown.running == (running and Said(*running))
        require(same, "D: the library shows something else", shown, self.picture)
        journal = self._world.journals[self.session]
        place = journal.places.get(self.cursor.log)
        if place is None:
            # A replaced worker's chunk went out though Redis refused it, and the client had missed the replacement.
            require(self.cursor.log in journal.refused, "D: a cursor that never was", self.cursor)
            self._world.happened["chunk of the past"] += 1
            return
        require(self.cursor.turn <= journal.tail, "D: a cursor behind the newest message", self.cursor, journal.tail)
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
            self.connect(self.memory._replace(conversation=Conversation()))
        self.viewer.gap()
        require(self.viewer.state is not State.LIVE, "D: a new subscription is believed to have lost nothing")

    # To the server

    def transmit(self, loss: float = 0.05) -> None:
        """Sends what the client owes. Now and then the connection breaks under it."""
        if self.gone:
            return
        commands, _ = self.conversation.outbox.due(self._world.moment)
        for command in commands:
            if self._world.chance.random() < loss:
                self.connect(self.memory)
                return
            (taken,) = self._server.received(encode(command).decode())
            require(taken == command, "A: the server reads another command", command, taken)
            try:
                drive(perform(cast("Backend", self._world), self.session, command))
            except (Refused, Unavailable) as error:
                self._do(self._server.failed(command, error))
            if self.conversation.gone:
                return

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
