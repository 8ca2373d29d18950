"""The systems that are compared, each in a file that says how it is set up and why so."""

from __future__ import annotations

from benchmarks.contenders.arq import Arq
from benchmarks.contenders.base import Contender
from benchmarks.contenders.ceiling import Ceiling
from benchmarks.contenders.chainlit import Chainlit
from benchmarks.contenders.direct import Direct, DirectTwo
from benchmarks.contenders.taskiq import Taskiq
from benchmarks.contenders.tutorial import Tutorial
from benchmarks.contenders.unbroken import Unbroken, UnbrokenTwo, UnbrokenWithoutAof

ALL: dict[str, type[Contender]] = {
    kind.name: kind
    for kind in (Direct, DirectTwo, Unbroken, UnbrokenTwo, UnbrokenWithoutAof, Chainlit, Taskiq, Arq, Tutorial, Ceiling)
}
"""By name, in the order of tables."""
