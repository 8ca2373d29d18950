"""The chat as a bubble on somebody else's site, under a policy that allows it and nothing more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Frame, Locator, Page, expect

from tests.e2e.deployment import free_port
from tests.e2e.web.axe import violations
from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site

HOST = """<!doctype html><html lang="en"><title>A shop</title><main><h1>A shop</h1><p>Wares.</p></main>
<script src="{chat}/widget.js" async></script></html>"""
POLICY = "default-src 'none'; script-src {chat}; frame-src {chat}"

Shop = Callable[[Site], Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="session")
async def port() -> int:
    return free_port()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(port: int) -> AsyncIterator[Shop]:
    """Opens a shop with the chat of a deployment on its only page; answers its origin."""
    runners = []

    async def start(site: Site) -> str:
        async def home(_: web.Request) -> web.Response:
            policy = {"Content-Security-Policy": POLICY.format(chat=site.url)}
            return web.Response(text=HOST.format(chat=site.url), content_type="text/html", headers=policy)

        app = web.Application()
        app.router.add_get("/", home)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return origin(port)

    yield start
    for runner in runners:
        await runner.cleanup()


def origin(port: int, host: str = "localhost") -> str:
    """Where the shop is. With a name it is another site for the browser, whose frames may keep nothing in the private
    windows of these tests; with the chat's own address it is another origin, whose frames may.
    """
    return f"http://{host}:{port}"


async def start(frame: Frame) -> Locator:
    """A first visit in the frame, until the answer is there. Returns the composer."""
    await frame.get_by_role("textbox", name="What should we call you?").fill("Ada")
    await frame.get_by_role("button", name="Start chatting").click()
    composer = frame.get_by_role("textbox", name="Your message")
    await composer.fill("say One.")
    await composer.press("Enter")
    await expect(frame.get_by_role("article").last).to_contain_text("One.")
    await expect(frame.get_by_role("article").last).to_have_attribute("aria-busy", "false")
    return composer


def frame_of(page: Page) -> Frame:
    (frame,) = page.main_frame.child_frames
    return frame


async def open_bubble(reader: Reader) -> Frame:
    """Presses the button of the bubble. It stands in a closed shadow root, where only a hand can reach it."""
    bubble = reader.page.locator("unbroken-chat")
    await expect(bubble).to_be_attached()
    box = await bubble.bounding_box()
    assert box is not None
    async with reader.page.expect_event("framenavigated", lambda frame: frame.parent_frame is not None):
        await reader.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return frame_of(reader.page)


async def test_it_opens_chats_and_closes(deploy: Deploy, visit: Visit, shop: Shop, port: int) -> None:
    site = await deploy(allowed_origins=origin(port))
    reader = await visit(site)
    page = reader.page
    reader.watch.hosts.add(f"localhost:{port}")
    await page.goto("about:blank")  # what the chat's own page loads later is over
    before = len(reader.watch.requests)
    await page.goto(await shop(site))
    await expect(page.locator("unbroken-chat")).to_be_attached()
    loaded = reader.watch.requests[before:]
    assert loaded == [f"{origin(port)}/", f"{site.url}/widget.js"], "nothing more before the button is pressed"
    frame = await open_bubble(reader)

    composer = await start(frame)
    assert await frame.evaluate("window.alertsShown") == []

    bubble = page.locator("unbroken-chat")
    await expect(bubble).to_have_attribute("data-open", "")
    await composer.press("Escape")
    await expect(bubble).not_to_have_attribute("data-open", "")
    assert await page.evaluate("document.activeElement.tagName") == "UNBROKEN-CHAT", "the focus is on the button again"
    await page.keyboard.press("Enter")
    await expect(bubble).to_have_attribute("data-open", "")
    await expect(frame.get_by_role("article").last).to_contain_text("One.")  # the same chat
    assert await violations(page) == []


async def test_it_is_the_same_chat_on_the_next_page(deploy: Deploy, visit: Visit, shop: Shop, port: int) -> None:
    site = await deploy(allowed_origins=origin(port, "127.0.0.1"))
    reader = await visit(site)
    reader.watch.hosts.add(f"127.0.0.1:{port}")
    await shop(site)
    await reader.page.goto(origin(port, "127.0.0.1"))
    frame = await open_bubble(reader)
    await start(frame)
    await reader.page.reload()
    frame = await open_bubble(reader)
    await expect(frame.get_by_role("article").last).to_contain_text("One.")


async def test_a_site_that_is_not_allowed_sees_nothing(deploy: Deploy, visit: Visit, shop: Shop, port: int) -> None:
    site = await deploy(worker=False, allowed_origins="https://else.example")
    reader = await visit(site)
    reader.watch.hosts.add(f"localhost:{port}")
    reader.watch.allow("frame-ancestors")
    async with reader.context.expect_event("console", lambda message: "frame-ancestors" in message.text):
        await reader.page.goto(await shop(site))
        frame = await open_bubble(reader)
    assert frame.url.startswith("chrome-error:")


async def test_the_whole_page_cannot_be_framed(deploy: Deploy, visit: Visit, shop: Shop, port: int) -> None:
    site = await deploy(worker=False, allowed_origins=origin(port))
    reader = await visit(site)
    reader.watch.hosts.add(f"localhost:{port}")
    reader.watch.allow("frame-ancestors")
    await reader.page.goto(await shop(site))
    async with reader.context.expect_event("console", lambda message: "frame-ancestors" in message.text):
        await reader.page.evaluate(
            "(url) => document.body.append(Object.assign(document.createElement('iframe'), { src: url }))", site.url
        )
