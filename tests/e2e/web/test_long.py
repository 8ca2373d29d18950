"""Long chats and long answers: the page answers all the while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Self

from playwright.async_api import Browser, Page, expect

from tests.e2e.web.bots import essay
from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Key, Site
from unbroken.claim import Outcome
from unbroken.types import Status

MESSAGES = 2000
LENGTH = 50_000
BLOCKED = 100
"""Milliseconds that one task may keep the main thread of the page busy."""
TRIES = 3
"""What keeps the page busy does so every time; a machine that stands still may do it once."""

SCROLLER = "document.querySelector('[role=region]')"
TOP = "(element) => element.scrollTop"


async def fill(site: Site, key: Key, messages: int) -> None:
    """Makes a long chat, by the scripts that servers and workers call, without a worker."""
    async with site.backend() as backend:
        for turn in range(1, messages // 2 + 1):
            await backend.queue.accept(key.id, f"m{turn}", f"Question {turn}")
            entry = (await backend.store.state(key.id))["rid"]
            claim = await backend.queue.take(key.id, entry, str(turn), attempts=1, continuing="", context=0)
            assert claim is not None
            said = f"Answer **{turn}**: the sea rises and falls.\n\n- `one`\n- two"
            await backend.queue.finish(claim, 1, Outcome(Status.COMPLETED, said))


class Tasks:
    """Traces the tasks of a page's main thread.

    What counts is the time that a task had the processor, not the time from its beginning to its end: on a machine with
    other work to do, the second one measures that.

    Attributes:
        longest: milliseconds of processor time that one task took at most, once the trace is over.
    """

    def __init__(self, browser: Browser, page: Page) -> None:
        self._browser = browser
        self._page = page
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        categories = ["disabled-by-default-devtools.timeline", "__metadata"]
        await self._browser.start_tracing(page=self._page, categories=categories)
        return self

    async def __aexit__(self, *_: object) -> None:
        trace = json.loads(await self._browser.stop_tracing())["traceEvents"]
        mains = {
            (event["pid"], event["tid"])
            for event in trace
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        tasks = [
            event
            for event in trace
            if event["name"] == "RunTask" and event["ph"] == "X" and (event["pid"], event["tid"]) in mains
        ]
        assert len(tasks) > 100, "nothing was traced"
        self.longest = max(event.get("tdur", event["dur"]) for event in tasks) / 1000
        wall = max(event["dur"] for event in tasks) / 1000
        print(f"longest of {len(tasks)} tasks: {self.longest:.0f} ms of processor, {wall:.0f} ms of wall clock")


async def never_blocks(act: Callable[[], Awaitable[float]]) -> None:
    """Does something that returns the longest task of the page; more than once only if that was too long."""
    found = [await act()]
    while found[-1] >= BLOCKED and len(found) < TRIES:
        found.append(await act())
    assert found[-1] < BLOCKED, found


async def until(page: Page, condition: str, key: str | None = None) -> None:
    """Waits for a condition that costs the page nothing to check; locators by role look at every element.

    A key is pressed until then: once is not enough while a slow page has turns of the wheel left to scroll by.
    """
    async with asyncio.timeout(60):
        while not await page.evaluate(condition):
            if key is not None:
                await page.keyboard.press(key)
            await asyncio.sleep(0.05)


async def test_two_thousand_messages_open_scroll_and_go_on(deploy: Deploy, visit: Visit, chromium: Browser) -> None:
    site = await deploy(worker=False, turn_limit=MESSAGES)
    key = await site.create()
    await fill(site, key, MESSAGES)
    reader = await visit(site)
    page = reader.page

    async def look_around() -> float:
        async with Tasks(chromium, page) as tasks:
            await page.goto("about:blank")
            await page.goto(f"{site.url}/#{key.token}")
            await until(page, f"document.querySelectorAll('article').length === {MESSAGES}")
            await page.mouse.move(700, 400)
            for _ in range(20):
                await page.mouse.wheel(0, -2500)
            await until(page, f"{SCROLLER}.dataset.following === undefined")
            await page.evaluate(f"{SCROLLER}.focus()")
            await until(page, f"{SCROLLER}.scrollTop === 0", key="Home")
            await until(page, f"{SCROLLER}.dataset.following !== undefined", key="Alt+j")
        return tasks.longest

    await never_blocks(look_around)
    await expect(reader.thread.get_by_text(f"Question {MESSAGES // 2}", exact=True)).to_be_in_viewport()
    await site.start_worker()
    await reader.send("say And on.")
    await expect(reader.thread.get_by_text("And on.", exact=True)).to_be_in_viewport()


async def test_a_long_answer_streams_without_blocking(site: Site, visit: Visit, chromium: Browser) -> None:
    async def read() -> float:
        reader = await visit(site, await site.create())
        async with Tasks(chromium, reader.page) as tasks:
            await reader.send(f"essay {LENGTH}")
            await until(reader.page, "document.querySelectorAll('[aria-busy] :is(h3, h4)').length > 1")
            await reader.page.keyboard.type("The composer answers.")
            await until(reader.page, "document.querySelectorAll('[aria-busy=false]').length === 1")
        await expect(reader.composer).to_have_value("The composer answers.")
        reply = (await site.history(await reader.key()))[1]
        assert reply["msg"] == essay(LENGTH)
        parts = reader.answers.last.get_by_role("heading", name="Part")
        await expect(parts).to_have_count(essay(LENGTH).count("## Part"))
        await expect(reader.answers.last.get_by_text("end.")).to_be_in_viewport()
        return tasks.longest

    await never_blocks(read)


async def test_the_end_is_followed_until_the_reader_scrolls_up(site: Site, reader: Reader) -> None:
    gates = [site.gate() for _ in range(3)]
    lines = "; ".join(f"say {'x ' * 2000}; wait {gate}" for gate in gates)
    await reader.send(f"{lines}; say The end.")
    answer = reader.answers.last

    async def bottom() -> None:
        async with asyncio.timeout(60):
            distance = "(element) => element.scrollHeight - element.clientHeight - element.scrollTop"
            while await reader.thread.evaluate(distance) > 1 or await reader.thread.evaluate(TOP) == 0:
                await asyncio.sleep(0.05)

    await expect(answer).to_contain_text("x x")
    await bottom()
    await reader.thread.hover()
    await reader.page.mouse.wheel(0, -300)
    latest = reader.button("Jump to the latest message")
    await expect(latest).to_be_visible()
    stands = await reader.thread.evaluate(TOP)
    length = len(await reader.said(answer).inner_text())
    site.open(gates[0])
    async with asyncio.timeout(60):
        while len(await reader.said(answer).inner_text()) < length + 3000:
            await asyncio.sleep(0.05)
    assert await reader.thread.evaluate(TOP) == stands, "nothing moves under the reader's eyes"
    await latest.click()
    await bottom()
    site.open(gates[1])
    site.open(gates[2])
    await expect(answer).to_contain_text("The end.")
    await bottom()
    await expect(latest).to_have_count(0)
