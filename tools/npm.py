"""Runs npm in web/, with the Node that also builds the page: `python tools/npm.py test`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import hatch_build  # noqa: E402 - the root is not a package


def main() -> int:
    """Returns npm's exit code."""
    bin_dir = hatch_build.machine_node() or hatch_build.packaged_node()
    if bin_dir is None:
        print(f"{hatch_build.NODE} is missing", file=sys.stderr)
        return 1
    command, env = hatch_build.npm(bin_dir)
    return subprocess.run([*command, *sys.argv[1:]], cwd=ROOT / "web", env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
