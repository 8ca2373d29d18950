"""The viewer under random schedules: what it shows is what the log says, whatever the live channel does."""

from __future__ import annotations

import copy
import random
from collections import deque

import pytest

from tests.unit.server.world import Client, World
from unbroken.cursor import START, ZERO, Cursor
from unbroken.log import Entry
from unbroken.server.viewer import ENTRY_BYTES, Replaced, Shown, State, Viewer

LIMIT = 4 * (ENTRY_BYTES + 100)
PAGE = 3


class Run:
    """One schedule: a session that lives, a channel that loses and repeats, a client that takes when it likes."""

    def __init__(self, seed: int, *, loss: float = 0.1, failover: bool = False) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.backup = World()
        self.channel: deque[Entry] = deque()
        self.old: list[Entry] = []
        self.loss = loss
        self.failover = failover
        self.viewer = Viewer(None, LIMIT)
        self.client = Client()
        self.read: tuple[int, Cursor | None] | None = None

    def step(self) -> None:
        action = self.random.choices(
            [
                self.write,
                self.deliver,
                self.repeat,
                self.take,
                self.begin,
                self.finish,
                self.cut,
                self.reconnect,
                self.lose_master,
            ],
            [30, 30, 2, 12, 12, 12, 0.5, 1, 0.3 if self.failover else 0],
        )[0]
        action()

    def write(self) -> None:
        world = self.world
        made = self.random.choices([world.accept, world.start, world.delta, world.end, world.stale], [2, 2, 20, 2, 1])[
            0
        ]()
        if made is not None and self.random.random() >= self.loss:
            self.channel.append(made)
            if len(self.channel) > 1 and self.random.random() < 0.05:
                self.channel[-1], self.channel[-2] = self.channel[-2], self.channel[-1]

    def deliver(self) -> None:
        if self.channel:
            entry = self.channel.popleft()
            self.old.append(entry)
            if self.random.random() < 0.5:
                self.viewer.entry(entry)
            else:
                self.show(entry)

    def show(self, entry: Entry) -> None:
        """Hands over what comes to a client that waits for it."""
        cursor = self.viewer.at_once(entry)
        if cursor is not None:
            self.client.show([Shown(entry, cursor)])

    def repeat(self) -> None:
        if self.old:
            self.viewer.entry(self.random.choice(self.old))

    def take(self) -> None:
        self.client.show(self.viewer.take())

    def begin(self) -> None:
        # As the pump does it: what waits goes out first.
        if self.viewer.state is State.BEHIND:
            self.take()
            self.read = self.viewer.read()

    def finish(self) -> None:
        if self.read is not None:
            ticket, cursor = self.read
            self.read = None
            self.viewer.page(ticket, self.world.resume(cursor, PAGE))
            self.take()

    def cut(self) -> None:
        self.channel.clear()
        self.viewer.gap()

    def reconnect(self) -> None:
        """The client gets a part of what was sent to it, and comes back with its cursor."""
        items = self.viewer.take()
        self.client.show(items[: self.random.randint(0, len(items))])
        known = self.client.snapshots > 0
        self.viewer = Viewer(self.client.cursor if known else None, LIMIT)
        self.read = None

    def lose_master(self) -> None:
        """Promotes a replica that is behind: what was written since is gone, and its numbers are given out again."""
        lost = self.world
        self.world, self.backup = self.backup, copy.deepcopy(self.backup)
        self.world.now = lost.now + 1
        self.old.clear()
        self.cut()
        # A worker sends again what it had said and goes on; what it had finished, it never touches again.
        self.world.owned = lost.owned and lost.epoch == self.world.epoch
        if self.world.owned:
            again = [entry for entry in lost.log if entry.id > self.world.top]
            self.world.log += again
            self.world.said, self.world.seq = lost.said, lost.seq
            self.channel.extend(again)

    def save(self) -> None:
        self.backup = copy.deepcopy(self.world)

    def settle(self) -> None:
        while self.channel:
            self.deliver()
        self.finish()
        self.viewer.position(self.world.position())
        for _ in range(200):
            self.take()
            if self.viewer.state is State.LIVE:
                return
            self.begin()
            self.finish()
        pytest.fail("the viewer does not catch up")

    def check(self) -> None:
        assert self.client.cursor == self.world.position()
        assert by_turn(self.client.messages) == by_turn(self.world.messages)
        assert self.client.said == (self.world.said if self.world.running else "")


def by_turn(messages: list[dict[str, object]]) -> list[tuple[object, ...]]:
    # Questions and outcomes are two sequences, each in order; how they interleave is not promised.
    return sorted((m["turn"], m["role"], m["msg"]) for m in messages)


@pytest.mark.parametrize("failover", [False, True])
@pytest.mark.parametrize("loss", [0.0, 0.02, 0.3])
def test_random_schedules_show_the_log(loss: float, failover: bool) -> None:
    for seed in range(60):
        run = Run(seed, loss=loss, failover=failover)
        for number in range(400):
            if number % 60 == 0:
                run.save()
            run.step()
            if number % 100 == 99:
                run.settle()
                run.check()
        run.settle()
        run.check()


def test_without_loss_nothing_but_the_first_event_is_a_snapshot_if_the_client_keeps_up() -> None:
    run = Run(7, loss=0)
    run.begin()
    run.finish()
    for _ in range(300):
        run.write()
        run.channel = deque(e for e in run.channel if b"STALE" not in e.frame)
        while run.channel:
            run.viewer.entry(run.channel.popleft())
        run.take()
    assert state(run.viewer) in (State.LIVE, State.BEHIND)
    run.settle()
    run.check()
    assert run.client.snapshots == 1


def state(viewer: Viewer) -> State:
    return viewer.state


def live(world: World) -> Viewer:
    viewer = Viewer(None, LIMIT)
    ticket, cursor = viewer.read()
    viewer.page(ticket, world.resume(cursor, 100))
    viewer.take()
    assert state(viewer) is State.LIVE
    return viewer


def test_a_client_that_never_takes_holds_a_bounded_queue_and_loses_nothing() -> None:
    world = World()
    viewer = live(world)
    viewer.entry(world.accept())
    started = world.start()
    assert started is not None
    viewer.entry(started)
    most = 0
    for _ in range(1_000):
        delta = world.delta()
        assert delta is not None
        viewer.entry(delta)
        most = max(most, len(viewer._items))
    assert most <= LIMIT // ENTRY_BYTES
    assert state(viewer) is State.BEHIND
    assert not viewer.waiting
    ticket, cursor = viewer.read()
    assert cursor == START
    viewer.page(ticket, world.resume(cursor, 5_000))
    items = viewer.take()
    assert [item.entry.id for item in items if isinstance(item, Shown)] == [e.id for e in world.inbox + world.log]
    assert items[0].cursor == Cursor(world.tail, ZERO)  # a cursor that is ahead would skip what was dropped


def test_one_long_entry_is_no_lag_for_a_client_that_keeps_up() -> None:
    world = World()
    viewer = live(world)
    for made in (world.accept(), world.start()):
        assert made is not None
        viewer.entry(made)
    viewer.take()
    world.said = "x" * LIMIT
    end = world.end()
    assert end is not None
    viewer.entry(end)
    assert [item.cursor for item in viewer.take()] == [world.position()]


def test_live_entries_during_a_long_read_are_bounded_and_read_again() -> None:
    world = World()
    viewer = Viewer(None, LIMIT)
    ticket, cursor = viewer.read()
    page = world.resume(cursor, 100)
    for made in (world.accept(), world.start()):
        assert made is not None
        viewer.entry(made)
    for _ in range(100):
        delta = world.delta()
        assert delta is not None
        viewer.entry(delta)
    assert len(viewer._buffer) * ENTRY_BYTES <= LIMIT
    viewer.page(ticket, page)
    assert state(viewer) is State.BEHIND
    viewer.take()
    ticket, cursor = viewer.read()
    viewer.page(ticket, world.resume(cursor, 500))
    assert state(viewer) is State.LIVE
    assert viewer.take()[-1].cursor == world.position()


def test_live_entries_during_a_read_follow_it_without_another_one() -> None:
    world = World()
    viewer = Viewer(None, LIMIT)
    ticket, cursor = viewer.read()
    viewer.entry(world.accept())
    page = world.resume(cursor, 100)
    viewer.entry(world.accept())
    viewer.page(ticket, page)
    assert state(viewer) is State.LIVE
    assert [item.cursor.turn.first for item in viewer.take()] == [1, 2]


def test_a_hole_in_the_sequence_is_read_from_the_log_and_not_shown() -> None:
    world = World()
    viewer = live(world)
    world.accept()
    viewer.entry(world.accept())
    assert state(viewer) is State.BEHIND
    assert viewer.take() == []


def test_seeking_forgets_the_queue_and_ignores_the_read_under_way() -> None:
    world = World()
    viewer = live(world)
    viewer.entry(world.accept())
    viewer.seek(None)
    assert viewer.take() == []
    ticket, cursor = viewer.read()
    stale = world.resume(cursor, 100)
    viewer.seek(START)
    viewer.page(ticket, stale)
    assert viewer.take() == []
    ticket, cursor = viewer.read()
    assert cursor == START
    viewer.page(ticket, world.resume(cursor, 100))
    assert [item.cursor for item in viewer.take()] == [world.position()]


def test_a_gap_during_a_read_makes_another_read() -> None:
    world = World()
    viewer = Viewer(None, LIMIT)
    ticket, cursor = viewer.read()
    viewer.gap()
    viewer.page(ticket, world.resume(cursor, 100))
    assert state(viewer) is State.BEHIND
    assert [type(item) for item in viewer.take()] == [Replaced]


def test_the_same_position_is_no_gap_and_another_one_is_in_either_direction() -> None:
    world = World()
    world.accept()
    world.start()
    world.end()
    viewer = live(world)
    viewer.position(world.position())
    assert state(viewer) is State.LIVE
    viewer.position(START)
    assert state(viewer) is State.BEHIND
