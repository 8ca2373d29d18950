from __future__ import annotations

import random

import pytest

from unbroken.client.backoff import Backoff


@pytest.fixture(autouse=True)
def _longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def test_each_address_gets_a_fast_try_then_the_pauses_double_up_to_a_cap() -> None:
    backoff = Backoff(2)
    assert [backoff.next() for _ in range(10)] == [0.1, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_progress_makes_the_next_try_fast_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 0.1


def test_the_jitter_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    backoff = Backoff()
    assert [backoff.next() for _ in range(100)] == [0.0] * 100
