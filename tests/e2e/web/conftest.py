"""One Chromium and one deployment for the tests of each process; a fresh browser profile for each test."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.e2e.deployment import ROOT, Deployment
from tests.e2e.web import browser, watch
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Key, Site
from unbroken.embedded import Embedded

PATIENCE = 60_000
"""Milliseconds until something that should happen is given up; a test that waits so long is about to fail."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser belongs to the event loop that started it: all of these tests share one."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return browser.find()


@pytest.fixture(scope="session")
def _built(chromium_path: str) -> None:
    """The page as its sources are now; built by the first process that asks."""
    with (Path(tempfile.gettempdir()) / f"unbroken-page-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, "hatch_build.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        launched = await browser.launch(playwright, chromium_path)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_site(_built: None, valkey: Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    async with Deployment(valkey.address, f"web{os.getpid()}", folder) as deployment:
        site = Site(deployment, folder / "gates")
        await site.start()
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def site(shared_site: Site) -> AsyncIterator[Site]:
    """A deployment that nothing breaks; what it printed meanwhile is shown if the test fails."""
    before = len(shared_site.deployment.logs())
    yield shared_site
    print(shared_site.deployment.logs()[before:])


class Deploy(Protocol):
    """Starts a deployment of the test's own, with these settings."""

    def __call__(self, *, worker: bool = True, **settings: object) -> Awaitable[Site]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def deploy(_built: None, valkey: Embedded, prefix: str, tmp_path: Path) -> AsyncIterator[Deploy]:
    """For tests that break something, or need other settings."""
    async with AsyncExitStack() as stack:

        async def start(*, worker: bool = True, **settings: object) -> Site:
            deployment = await stack.enter_async_context(Deployment(valkey.address, prefix, tmp_path, **settings))
            site = Site(deployment, tmp_path / "gates")
            stack.callback(lambda: print(deployment.logs()))
            await site.start(worker=worker)
            return site

        yield start


class Visit(Protocol):
    """Opens a browser with a profile of its own, and the chat of a key in it, if one is given."""

    def __call__(self, site: Site, key: Key | None = None, **context: Any) -> Awaitable[Reader]: ...


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser) -> AsyncIterator[Visit]:
    """Browsers; at the end each is asked whether it did what no page may do."""
    watched: list[watch.Watch] = []
    async with AsyncExitStack() as stack:

        async def open_one(site: Site, key: Key | None = None, **options: Any) -> Reader:
            context = await chromium.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
            context.set_default_timeout(PATIENCE)
            stack.push_async_callback(context.close)
            watched.append(watch.Watch(context, site.host))
            await context.add_init_script(watch.ALERTS)
            page = await context.new_page()
            reader = Reader(page, site, watched[-1])
            if key is None:
                await page.goto(site.url)
            else:
                await reader.arrive(key)
            return reader

        yield open_one
    for one in watched:
        one.check()


@pytest_asyncio.fixture(loop_scope="session")
async def reader(site: Site, visit: Visit) -> Reader:
    """A reader in a new chat of the shared deployment."""
    return await visit(site, await site.create())
