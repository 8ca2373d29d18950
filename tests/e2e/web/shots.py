"""Pictures of the page for people to look at: `python -m tests.e2e.web.shots <folder>`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright, expect

from tests.e2e.deployment import Deployment
from tests.e2e.web import browser
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site
from tests.e2e.web.watch import Watch
from unbroken.embedded import Embedded

WIDTHS = {390: 844, 820: 1180, 1440: 900}
LOOKS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class Camera:
    """Takes a reader through the page, and a picture of each place."""

    def __init__(self, reader: Reader, folder: Path, name: str) -> None:
        self._reader = reader
        self._folder = folder
        self._name = name

    async def shoot(self, place: str) -> None:
        await self._reader.page.screenshot(path=self._folder / f"{self._name}-{place}.png")

    async def tour(self) -> None:
        reader, page, site = self._reader, self._reader.page, self._reader.site
        await page.goto(site.url)
        await expect(reader.button("Start chatting")).to_be_visible()
        await self.shoot("1-welcome")
        await page.get_by_role("textbox", name="What should we call you?").fill("Ada")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Hello, Ada.")).to_be_visible()
        await self.shoot("2-empty")
        await reader.ask("say Boats float because water is heavy.", answer="Boats float because water is heavy.")
        if page.viewport_size and page.viewport_size["width"] < 900:
            await reader.button("Show chats").click()
            await reader.button("New chat", reader.dialog("Chats")).click()
        else:
            await reader.button("New chat").click()
        await expect(reader.questions).to_have_count(0)
        await reader.send("show")
        await expect(reader.answers.last).to_have_attribute("aria-busy", "false")
        await self.shoot("3-answer")
        await reader.thread.evaluate("(element) => { element.scrollTop = 0 }")
        await expect(reader.button("Jump to the latest message")).to_be_visible()
        await self.shoot("4-answer-top")
        await reader.send("say The sea rises and; fail The tide was out.")
        await expect(reader.button("Try again")).to_be_visible()
        await self.shoot("5-failed")
        await reader.send(f"say Meanwhile the **sea** rises; wait {site.gate()}")
        await expect(reader.said(reader.answers.last)).to_have_text("Meanwhile the sea rises")
        for text in ("And why are there two tides a day?", "What about Venice?"):
            await reader.send(text)
        await expect(reader.button("Send now")).to_have_count(2)
        await self.shoot("6-queue")
        await page.context.set_offline(True)
        await expect(page.get_by_text("You are offline.")).to_be_visible()
        await self.shoot("7-offline")
        await page.context.set_offline(False)
        await expect(reader.status).to_have_text("Connected")
        await reader.button("Stop answer").click()
        await expect(reader.waiting).to_have_count(0)
        await reader.button("Share").click()
        await expect(reader.dialog("Continue elsewhere")).to_be_visible()
        await self.shoot("8-share")
        await page.keyboard.press("Escape")
        await reader.menu("Delete")
        await self.shoot("9-delete")
        await page.keyboard.press("Escape")
        if await reader.button("Show chats").count():
            await reader.button("Show chats").click()
            await self.shoot("a-chats")
        await reader.button("Settings").click()
        await expect(reader.dialog("Settings")).to_be_visible()
        await self.shoot("b-settings")


async def visit(chromium: Browser, site: Site, folder: Path, look: Literal["light", "dark"], width: int) -> None:
    context = await chromium.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=look,
        reduced_motion="reduce",
        locale="en-GB",
    )
    reader = Reader(await context.new_page(), site, Watch(context, site.host))
    await Camera(reader, folder, f"{width}-{look}").tour()
    await context.close()


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ub-") as data, Embedded(Path(data)) as valkey:
        async with Deployment(valkey.address, "shots", Path(data)) as deployment, async_playwright() as playwright:
            expect.set_options(timeout=20_000)
            site = Site(deployment, Path(data) / "gates")
            await site.start()
            chromium = await browser.launch(playwright, browser.find())
            for look in LOOKS:
                for width in WIDTHS:
                    await visit(chromium, site, folder, look, width)
            await chromium.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
