"""Somebody who reads and writes on the page: what they see, by its role and its name."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.e2e.web.site import Key, Site
from tests.e2e.web.watch import Watch

SESSIONS = """
() => Object.keys(localStorage).filter((key) => key.startsWith("unbroken:session:")).map((key) => localStorage[key])
"""


@asynccontextmanager
async def stands_still(page: Page) -> AsyncIterator[None]:
    """No timer of a page rings meanwhile. Its clock has to be installed before those timers are set."""
    await page.clock.pause_at(time.time() + 60)
    yield
    await page.clock.resume()


class Reader:
    """One tab."""

    def __init__(self, page: Page, site: Site, watch: Watch) -> None:
        self.page = page
        self.site = site
        self.watch = watch

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    # Getting there

    async def arrive(self, key: Key) -> None:
        """Opens a shared link, and waits until the chat is there."""
        await self.page.goto(f"{self.site.url}/#{key.token}")
        await expect(self.status).to_have_text("Connected")
        await expect(self.composer).to_be_visible()

    async def another_tab(self) -> Reader:
        """The same address in another tab of the same browser."""
        page = await self.context.new_page()
        await page.goto(self.page.url)
        return Reader(page, self.site, self.watch)

    async def key(self) -> Key:
        """The key to the only chat of this browser."""
        (raw,) = await self.page.evaluate(SESSIONS)
        session = json.loads(raw)
        return Key(session["id"], session["token"])

    async def alerts(self) -> list[str]:
        """All alerts since the page was loaded."""
        return list(await self.page.evaluate("window.alertsShown"))

    # What is there

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Your message")

    @property
    def thread(self) -> Locator:
        return self.page.get_by_role("region", name="Conversation")

    @property
    def answers(self) -> Locator:
        heading = self.page.get_by_role("heading", name="Answer", exact=True)
        return self.page.get_by_role("article").filter(has=heading)

    @property
    def questions(self) -> Locator:
        heading = self.page.get_by_role("heading", name="You said", exact=True)
        return self.page.get_by_role("article").filter(has=heading)

    @property
    def waiting(self) -> Locator:
        """The rows of the queue."""
        return self.page.get_by_role("region", name="Waiting messages").get_by_role("listitem")

    @property
    def status(self) -> Locator:
        """How the page is connected."""
        words = re.compile("^(Connecting|Connected|Reconnecting|Offline|Ended)$")
        return self.page.get_by_role("banner").get_by_text(words)

    @property
    def gone(self) -> Locator:
        return self.page.get_by_role("alert", name="This chat has ended.")

    def button(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def dialog(self, name: str) -> Locator:
        return self.page.get_by_role("dialog", name=name)

    # What can be done

    async def send(self, text: str) -> None:
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def ask(self, text: str, *, answer: str) -> None:
        """Sends a message and waits until its answer is complete."""
        before = await self.answers.count()
        await self.send(text)
        await self.complete(self.answers.nth(before), answer)

    async def complete(self, locator: Locator, text: str) -> None:
        """Waits until an answer is complete, and says this and no more."""
        await expect(self.said(locator)).to_have_text(text)
        await expect(locator).to_have_attribute("aria-busy", "false")

    def said(self, answer: Locator) -> Locator:
        """The paragraphs of an answer, without what stands around its text."""
        return answer.get_by_role("paragraph").first

    async def menu(self, item: str) -> None:
        """Picks from the options of the open chat."""
        await self.button("Options of this chat").click()
        await self.page.get_by_role("menuitem", name=item).click()

    async def rename(self, name: str) -> None:
        """Gives the open chat another name, with the keys alone once the dialog is open."""
        await self.menu("Rename")
        field = self.dialog("Rename chat").get_by_role("textbox", name="Name of the chat")
        await expect(field).to_be_focused()
        await field.press("ControlOrMeta+a")
        await self.page.keyboard.insert_text(name)
        await self.page.keyboard.press("Enter")
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(name)
