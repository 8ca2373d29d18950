"""Measures what reading a model's stream costs, with the readers of `benchmarks.reader`, one run at a time."""

from __future__ import annotations

import os
import subprocess

from benchmarks.contenders.base import ROOT
from benchmarks.results import Key, Measurement

VENV = ".venv-bench"
STREAMS = 100
TOKENS = 128
READERS = {"unbroken": "ours", "openai SDK": "openai"}
"""Who is compared, as results and `benchmarks.reader` call it. Both run in the environment that has the SDK."""
PATIENCE = 60.0


def measure(key: Key) -> Measurement:
    """Reads many streams with one reader; the seconds are of its CPU, for each token."""
    python = ROOT / VENV / "bin" / "python"
    if not python.exists():
        return Measurement(key, failure=f"{VENV} is missing; `make bench` makes it")
    command = [str(python), "-m", "benchmarks.reader", "--tokens", str(TOKENS)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [*command, "--provide", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as provider:
        assert provider.stdout
        run = ["--measure", READERS[key.contender], provider.stdout.readline().strip(), str(STREAMS)]
        done = subprocess.run(
            [*command, *run],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    if done.returncode:
        return Measurement(key, failure=done.stderr[-1000:].strip())
    return Measurement(key, seconds=float(done.stdout) / 1e6)
