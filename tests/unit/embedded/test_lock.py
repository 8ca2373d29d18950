from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unbroken.embedded import lock
from unbroken.errors import ConfigurationError


def test_the_second_is_refused_and_told_who_was_first(tmp_path: Path) -> None:
    first = lock.hold(tmp_path)
    with pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()};"):
        lock.hold(tmp_path, wait=0)
    os.close(first)


def test_closing_lets_go(tmp_path: Path) -> None:
    os.close(lock.hold(tmp_path))
    os.close(lock.hold(tmp_path, wait=0))


def test_a_holder_that_is_just_ending_is_waited_for(tmp_path: Path) -> None:
    first = lock.hold(tmp_path)
    release = threading.Timer(0.1, os.close, [first])
    release.start()
    os.close(lock.hold(tmp_path, wait=20))
    release.join()


def test_who_inherits_the_descriptor_holds_the_lock(tmp_path: Path) -> None:
    first = lock.hold(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[first])
    os.close(first)
    with pytest.raises(ConfigurationError):
        lock.hold(tmp_path, wait=0)
    child.communicate(b"\n")
    os.close(lock.hold(tmp_path, wait=0))
