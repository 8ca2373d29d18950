"""Debian's Chromium, as quiet as it can be made."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.async_api import Browser, Playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str:
    """Where Chromium is; a machine without it skips the tests, except in CI, where that is a failure."""
    path = shutil.which("chromium")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is missing: apt install chromium")
    return path


async def launch(playwright: Playwright, path: str) -> Browser:
    return await playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
