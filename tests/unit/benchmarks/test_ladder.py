from __future__ import annotations

import pytest

from benchmarks.ladder import RUNGS, climb


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("start", [10, 100, 800, 4000])
def test_finds_every_limit_and_tries_no_rung_twice(start: int, stride: int) -> None:
    for limit in (0, *RUNGS):
        tried: list[int] = []

        def holds(sessions: int, limit: int = limit, tried: list[int] = tried) -> bool:
            tried.append(sessions)
            return sessions <= limit

        assert climb(holds, start, stride) == limit
        assert tried[0] == start
        assert len(tried) == len(set(tried))


def test_needs_few_trials_near_where_it_begins() -> None:
    tried: list[int] = []

    def holds(sessions: int) -> bool:
        tried.append(sessions)
        return sessions <= 800

    assert climb(holds, 800, 1) == 800
    assert tried == [800, 1000]
