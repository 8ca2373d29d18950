"""Everybody can use the page: axe finds nothing, the keyboard is enough, nothing moves where that is not wanted."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.e2e.web.axe import violations
from tests.e2e.web.conftest import Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site

SIZES: tuple[ViewportSize, ...] = ({"width": 390, "height": 844}, {"width": 1280, "height": 900})
LOOKS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(params=SIZES, ids=["phone", "wide"])
def shape(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options of a context."""
    return {"viewport": request.param}


async def no_barriers(page: Page) -> None:
    """axe finds nothing on the page as it is now, light and dark."""
    for look in LOOKS:
        await page.emulate_media(color_scheme=look)
        assert await violations(page) == [], look


async def test_first_visit_and_its_refusal(site: Site, visit: Visit, shape: dict[str, Any]) -> None:
    reader = await visit(site, **shape)
    await expect(reader.button("Start chatting")).to_be_visible()
    await no_barriers(reader.page)
    await reader.button("Start chatting").click()
    await expect(reader.page.get_by_text("Please enter a name.")).to_be_visible()
    await no_barriers(reader.page)


async def test_a_chat_with_everything_in_it(site: Site, visit: Visit, shape: dict[str, Any]) -> None:
    reader = await visit(site, await site.create(), **shape)
    await expect(reader.page.get_by_text("Hello, Ada.")).to_be_visible()
    await no_barriers(reader.page)

    await reader.send("show")
    await expect(reader.answers.nth(0)).to_have_attribute("aria-busy", "false")
    await reader.answers.get_by_text("Used almanac").click()
    await reader.send("say As far as here; fail The tide was out.")
    await expect(reader.button("Try again")).to_be_visible()
    await reader.send(f"say Waiting.; wait {site.gate()}")
    await expect(reader.said(reader.answers.last)).to_have_text("Waiting.")
    await reader.send("say Next.")
    await expect(reader.button("Send now")).to_be_visible()
    await no_barriers(reader.page)
    await reader.button("Edit waiting message").click()
    await no_barriers(reader.page)
    await reader.page.keyboard.press("Escape")
    await reader.context.set_offline(True)
    await expect(reader.page.get_by_text("You are offline.")).to_be_visible()
    await no_barriers(reader.page)
    await reader.context.set_offline(False)
    await expect(reader.status).to_have_text("Connected")
    await reader.button("Stop answer").click()
    await reader.complete(reader.answers.last, "Next.")


async def test_everything_that_opens(site: Site, visit: Visit, shape: dict[str, Any]) -> None:
    reader = await visit(site, await site.create(), **shape)
    page = reader.page
    await reader.ask("say One.", answer="One.")
    await reader.button("Options of this chat").click()
    await expect(page.get_by_role("menuitem", name="Rename")).to_be_visible()
    await no_barriers(page)
    await page.keyboard.press("Escape")
    for item, title in (("Rename", "Rename chat"), ("Delete", "Delete this chat?")):
        await reader.menu(item)
        await expect(reader.dialog(title)).to_be_visible()
        await no_barriers(page)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
    await reader.button("Share").click()
    await expect(reader.dialog("Continue elsewhere")).to_be_visible()
    await no_barriers(page)
    await page.keyboard.press("Escape")
    for button in ("Settings", "Keyboard shortcuts"):
        if shape["viewport"]["width"] < 800:
            await reader.button("Show chats").click()
            await expect(reader.dialog("Chats")).to_be_visible()
            await no_barriers(page)
        await reader.button(button).click()
        await expect(reader.dialog(button)).to_be_visible()
        await no_barriers(page)
        await reader.button("Close", reader.dialog(button)).click()
        await expect(reader.dialog(button)).to_have_count(0)
        if await reader.dialog("Chats").count():
            await page.keyboard.press("Escape")


async def test_a_chat_that_ended(site: Site, visit: Visit, shape: dict[str, Any]) -> None:
    key = await site.create()
    reader = await visit(site, key, **shape)
    await reader.ask("say One.", answer="One.")
    elsewhere = await visit(site, key)
    await elsewhere.menu("Delete")
    await elsewhere.button("Delete", elsewhere.dialog("Delete this chat?")).click()
    await expect(reader.gone).to_be_visible()
    await no_barriers(reader.page)


async def test_axe_does_find_barriers(reader: Reader) -> None:
    await reader.page.evaluate("() => document.querySelector('h1').replaceWith(document.createElement('button'))")
    assert await violations(reader.page)


async def test_the_keyboard_is_enough(site: Site, visit: Visit) -> None:
    reader = await visit(site)
    keyboard = reader.page.keyboard
    await expect(reader.page.get_by_role("textbox", name="What should we call you?")).to_be_focused()
    await keyboard.type("Ada")
    await keyboard.press("Enter")
    await expect(reader.composer).to_be_focused()
    await keyboard.type("say One.")
    await keyboard.press("Shift+Enter")
    await keyboard.type("Two.")
    await expect(reader.composer).to_have_value("say One.\nTwo.")
    await keyboard.press("Enter")
    await reader.complete(reader.answers, "One. Two.")

    await keyboard.type(f"say Held.; wait {site.gate()}")
    await keyboard.press("Enter")
    await expect(reader.said(reader.answers.nth(1))).to_have_text("Held.")
    await keyboard.press("Escape")
    await expect(reader.answers.nth(1)).to_contain_text("Stopped")

    menu = reader.button("Options of this chat")
    for _ in range(30):
        await keyboard.press("Shift+Tab")
        if await menu.evaluate("(element) => element === document.activeElement"):
            break
    await expect(menu).to_be_focused()
    await keyboard.press("Enter")
    await expect(reader.page.get_by_role("menuitem", name="Rename")).to_be_focused()
    await keyboard.press("ArrowUp")
    await expect(reader.page.get_by_role("menuitem", name="Delete")).to_be_focused()
    await keyboard.press("Enter")
    await expect(reader.button("Cancel", reader.dialog("Delete this chat?"))).to_be_focused()
    await keyboard.press("Escape")
    await expect(reader.page.get_by_role("dialog")).to_have_count(0)


async def test_shortcuts(reader: Reader) -> None:
    page = reader.page
    await reader.ask("say One.", answer="One.")
    await page.keyboard.press("Alt+k")
    await expect(page.get_by_role("searchbox", name="Search chats")).to_be_focused()
    await page.keyboard.press("Control+/")
    await expect(reader.dialog("Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await reader.thread.focus()
    await page.keyboard.type("typed anywhere")
    await expect(reader.composer).to_have_value("typed anywhere")
    await page.keyboard.press("Alt+n")
    await expect(reader.questions).to_have_count(0)
    await expect(page.get_by_role("navigation", name="Chats").get_by_role("listitem")).to_have_count(2)


async def test_a_screen_reader_hears_the_beginning_and_the_end_and_no_token(site: Site, reader: Reader) -> None:
    gate = site.gate()
    await reader.send(f"count 20; wait {gate}; say done")
    await expect(reader.page.get_by_role("status").get_by_text("The answer begins.")).to_be_attached()
    site.open(gate)
    await expect(reader.page.get_by_role("status").get_by_text("The answer is complete.")).to_be_attached()
    live = reader.page.locator("[aria-live], [role=status], [role=alert], [role=log]")
    await expect(live.filter(has_text="1 2 3")).to_have_count(0)


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
async def test_nothing_moves_where_that_is_not_wanted(site: Site, visit: Visit, motion: str, moves: bool) -> None:
    reader = await visit(site, await site.create(), reduced_motion=motion)
    await reader.send(f"wait {site.gate()}")
    await expect(reader.answers).to_contain_text("Thinking…")
    running = await reader.page.evaluate(
        "() => document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 10).length"
    )
    assert (running > 0) is moves


async def test_text_at_200_percent_needs_no_scrolling_sideways(site: Site, visit: Visit) -> None:
    # twice the text in 1280 pixels is laid out as in 640
    reader = await visit(site, await site.create(), viewport={"width": 640, "height": 450}, device_scale_factor=2)
    await reader.send("show")
    await expect(reader.answers.last).to_have_attribute("aria-busy", "false")
    widths = "() => [document.documentElement.scrollWidth, innerWidth]"
    content, window = await reader.page.evaluate(widths)
    assert content <= window
    await expect(reader.composer).to_be_in_viewport()
