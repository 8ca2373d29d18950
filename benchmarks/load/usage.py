"""What processes use, summed over each part of a contender."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import psutil

Processes = Mapping[str, Sequence[int]]


def cpu(processes: Processes) -> dict[str, float]:
    """Seconds of CPU since their start."""
    return {part: sum(_cpu(pid) for pid in pids) for part, pids in processes.items()}


def own_cpu() -> float:
    """Seconds of CPU that this process took."""
    return time.process_time()


def memory(processes: Processes) -> dict[str, int]:
    """Resident bytes."""
    return {part: sum(psutil.Process(pid).memory_info().rss for pid in pids) for part, pids in processes.items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The difference, part by part."""
    return {part: after[part] - before[part] for part in after}


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
