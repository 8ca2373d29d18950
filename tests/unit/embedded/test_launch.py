from __future__ import annotations

import os
import subprocess
import sys

import pytest

from unbroken.embedded import launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")


def run(parent: int) -> subprocess.CompletedProcess[bytes]:
    program = [sys.executable, "-c", "print('ran')"]
    return subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, str(parent), *program], capture_output=True, check=False
    )


def test_becomes_the_program() -> None:
    done = run(os.getpid())
    assert (done.returncode, done.stdout) == (0, b"ran\n")


def test_does_not_run_for_a_parent_that_died_meanwhile() -> None:
    done = run(os.getpid() + 1)
    assert (done.returncode, done.stdout) == (1, b"")
