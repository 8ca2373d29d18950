"""What each thing may cost, in counts that are the same on every machine, and what to do when one changes.

Commands and writes are exact: less is a failure too, so that the budget follows and nobody takes the gain back unseen.
Calls differ a little between versions of Python; for them the budget is an upper bound.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

MORE = (
    "If a change made it dearer, every message of every user pays for that: look for what it added, and only if it is "
    "worth it raise the budget in this test and say why. If it became cheaper, lower the budget to what it is now."
)


def exactly(what: str, found: object, budget: object) -> None:
    """Compares a count, or counts by name, with the budget."""
    if found != budget:
        pytest.fail(f"{what} costs {_shown(found)}; the budget is {_shown(budget)}. {MORE}", pytrace=False)


def at_most(what: str, found: float, budget: float) -> None:
    """Compares a count with its upper bound. One that is far too high protects nothing: that fails too."""
    if not budget / 2 <= found <= budget:
        pytest.fail(f"{what} costs {_shown(found)}; the budget is {_shown(budget)}. {MORE}", pytrace=False)


def _shown(count: object) -> str:
    if isinstance(count, Mapping):
        return ", ".join(f"{number} {name}" for name, number in sorted(count.items())) or "nothing"
    return f"{count:.1f}" if isinstance(count, float) else str(count)
