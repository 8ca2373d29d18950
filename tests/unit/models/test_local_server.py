"""How much of a model fits into how much memory."""

from __future__ import annotations

import pytest

from unbroken.models.local.server import Order, plan


def order(context: int = 8192, replies: int = 4, *, squeeze: bool = True) -> Order:
    return Order("m.gguf", 1_000_000, 100, context, squeeze, replies, key="")


@pytest.mark.parametrize(
    ("memory", "planned"),
    [
        (9_000_000, (4, 8192)),
        (1_000_000 + 4 * 819_200, (4, 8192)),
        (1_000_000 + 4 * 819_200 - 1, (3, 8192)),
        (1_000_000 + 819_200, (1, 8192)),
        (1_000_000 + 819_199, (1, 4096)),
        (1_000_000, (1, 2048)),
    ],
)
def test_replies_go_before_context(memory: int, planned: tuple[int, int]) -> None:
    assert plan(order(), memory) == planned


def test_a_context_that_was_asked_for_stays() -> None:
    assert plan(order(squeeze=False), 1_000_000) == (1, 8192)
    assert plan(order(context=1000), 1_000_000) == (1, 1000)


def test_a_model_that_is_too_large_is_refused() -> None:
    with pytest.raises(MemoryError, match=r"needs 0.0 GB of memory and 0.0 are free; take a smaller quantization"):
        plan(order(), 999_999)
