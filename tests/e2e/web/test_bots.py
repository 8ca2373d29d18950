"""Several bots behind one page: choosing, greeting, and what a message does that comes during an answer."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Frame, expect

from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.test_accessibility import no_barriers

BOTS = """
[support]
title = "Support"
welcome = "Ask me about your order."
prompts = ["say Where is it?"]
policy = "reject"

[writer]
title = "Ghost writer"
welcome = "Give me three words."
prompts = ["title About letters; say Dear all."]
policy = "merge"
"""

HOST = """<!doctype html><html lang="en"><title>A shop</title><h1>A shop</h1>
<script src="/widget.js" data-bot="writer" data-open async></script></html>"""


async def test_the_reader_chooses_who_answers(deploy: Deploy, visit: Visit, tmp_path: Path) -> None:
    bots = tmp_path / "bots.toml"
    bots.write_text(BOTS)
    site = await deploy(bots=bots)
    reader = await visit(site)
    page = reader.page
    await page.get_by_role("radio", name="Ghost writer").check()
    await page.get_by_role("textbox", name="What should we call you?").fill("Ada")
    await no_barriers(page)
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("main").get_by_text("Give me three words.")).to_be_visible()
    await expect(page.get_by_role("banner").get_by_text("Ghost writer")).to_be_visible()
    await expect(reader.button("Explain how tides work")).to_have_count(0)
    await reader.button("title About letters; say Dear all.").click()
    await reader.complete(reader.answers, "Dear all.")
    await expect(page.get_by_role("heading", level=1)).to_have_text("About letters")
    rows = page.get_by_role("navigation", name="Chats").get_by_role("listitem")
    await expect(rows).to_contain_text("About letters")
    await expect(rows).to_contain_text("Ghost writer")
    await gives_way(reader)

    await reader.button("New chat").press("Enter")
    await expect(page.get_by_role("menuitem", name="Ghost writer")).to_be_focused()
    await no_barriers(page)
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main").get_by_text("Ask me about your order.")).to_be_visible()
    await refuses_until_it_is_done(reader)
    await page.keyboard.press("Alt+n")
    await expect(page.get_by_role("main").get_by_text("Ask me about your order.")).to_be_visible()
    await expect(rows).to_have_count(3)

    frame = await in_a_shop(reader)
    await expect(frame.get_by_role("article").last).to_contain_text("One.Two.")
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Ghost writer")
    await frame.get_by_role("button", name="New chat").click()
    await expect(frame.get_by_role("main").get_by_text("Give me three words.")).to_be_visible()
    await expect(frame.get_by_role("menuitem")).to_have_count(0)


async def gives_way(reader: Reader) -> None:
    """Of a bot that answers messages together: the reply that gave way is not shown."""
    gate = reader.site.gate()
    await reader.send(f"say One.; wait {gate}")
    await expect(reader.said(reader.answers.nth(1))).to_have_text("One.")
    await reader.send("; say Two.")
    reader.site.open(gate)
    await reader.complete(reader.answers.nth(1), "One.Two.")
    await expect(reader.questions).to_have_count(3)
    await expect(reader.answers).to_have_count(2)
    await expect(reader.waiting).to_have_count(0)


async def refuses_until_it_is_done(reader: Reader) -> None:
    """Of a bot that takes nothing during an answer: the message waits in the page."""
    gate = reader.site.gate()
    await reader.send(f"say One.; wait {gate}")
    await expect(reader.said(reader.answers)).to_have_text("One.")
    await reader.send("say Two.")
    await expect(reader.waiting).to_contain_text("Earlier answers come first. Trying again in")
    await expect(reader.button("Send now")).to_have_count(0)
    reader.site.open(gate)
    await reader.complete(reader.answers.nth(1), "Two.")
    assert await reader.alerts() == []


async def in_a_shop(reader: Reader) -> Frame:
    """The widget on a page that names the bot: the newest chat with that one is open, of two bots' in this browser."""
    page, shop = reader.page, f"{reader.site.url}/shop"
    await page.route(shop, lambda route: route.fulfill(body=HOST, content_type="text/html"))
    async with page.expect_event("framenavigated", lambda frame: frame.parent_frame is not None):
        await page.goto(shop)
    (frame,) = page.main_frame.child_frames
    return frame
