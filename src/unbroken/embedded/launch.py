"""Becomes the program that it is told to run, after tying its life to its parent's.

Run by path as `python -I -S launch.py <parent's pid> <program> <argument> ...`. It is a program of its own because the
only other place for this call, between fork and exec in the parent, is not safe once the parent has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for SIGKILL when the parent dies, makes sure that it has not died yet, and execs."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    # SIGKILL, since a hung server would not hear anything softer. What was acknowledged is in the file and stays.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program, sys.argv[2:])  # noqa: S606 (replacing this process is the point)


if __name__ == "__main__":
    main()
