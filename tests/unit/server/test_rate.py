"""Token buckets of addresses, with a clock of the test's own."""

from __future__ import annotations

import pytest

from unbroken.server.rate import Rate


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_a_steady_rate() -> None:
    clock = Clock()
    rate = Rate(6, 10, clock)
    assert [rate.take("a") for _ in range(6)] == [0.0] * 6
    assert rate.take("a") == pytest.approx(10)
    clock.now = 9
    assert rate.take("a") == pytest.approx(1)
    clock.now = 10.001
    assert rate.take("a") == 0
    assert rate.take("a") > 9
    clock.now = 10_000
    assert [rate.take("a") for _ in range(7)].count(0.0) == 6


def test_addresses_do_not_share_but_those_of_one_ipv6_network_do() -> None:
    rate = Rate(1, 10, Clock())
    assert rate.take("10.0.0.1") == 0
    assert rate.take("10.0.0.2") == 0
    assert rate.take("10.0.0.1") > 0
    assert rate.take("2001:db8::1") == 0
    assert rate.take("2001:db8::2") > 0
    assert rate.take("2001:db8:0:1::1") == 0
    assert rate.take("not an address") == 0
    assert rate.take("::ffff:10.0.0.3") == 0
    assert rate.take("::ffff:10.0.0.4") == 0


def test_no_limit() -> None:
    rate = Rate(0, 10, Clock())
    assert {rate.take("a") for _ in range(1_000)} == {0.0}


def test_memory_is_bounded_and_the_quietest_is_forgotten() -> None:
    rate = Rate(1, 3, Clock())
    for address in ("a", "b", "c"):
        rate.take(address)
    assert rate.take("a") > 0
    rate.take("d")
    assert len(rate._buckets) == 3
    assert rate.take("a") > 0
    assert rate.take("b") == 0
