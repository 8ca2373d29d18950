"""The watch that looks over every test here does see what it is there for."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from playwright.async_api import Browser, Error, expect

from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site
from tests.e2e.web.watch import ALERTS, Watch

CRIMES = {
    "image": "() => { new Image().src = 'https://evil.example/a.png' }",
    "fetch": "() => void fetch('https://evil.example/').catch(() => {})",
    "socket": "() => void new WebSocket('wss://evil.example/')",
    "inline script": "() => document.body.setAttribute('onclick', 'alert(1)')",
    "markup": "() => { document.createElement('p').innerHTML = '<b>bold</b>' }",
    "dialog": "() => setTimeout(() => alert(1))",
    "exception": "() => void setTimeout(() => { throw new Error('broken') })",
}


@pytest.mark.parametrize("crime", CRIMES)
async def test_it_sees(chromium: Browser, site: Site, crime: str) -> None:
    context = await chromium.new_context()
    watch = Watch(context, site.host)
    page = await context.new_page()
    await page.goto(site.url)
    watch.check()
    with contextlib.suppress(Error):  # the policy itself stops some of them
        await page.evaluate(CRIMES[crime])
    async with asyncio.timeout(60):
        while not caught(watch):
            await asyncio.sleep(0.02)
    await context.close()


def caught(watch: Watch) -> bool:
    try:
        watch.check()
    except AssertionError:
        return True
    return False


async def test_it_remembers_alerts_that_are_gone(site: Site, reader: Reader) -> None:
    assert "alertsShown" in ALERTS
    await reader.page.evaluate(
        "async () => { const one = document.createElement('p'); one.setAttribute('role', 'alert');"
        " one.textContent = 'oh'; document.body.append(one); await null; one.remove() }"
    )
    await expect(reader.status).to_have_text("Connected")
    assert await reader.alerts() == ["oh"]
