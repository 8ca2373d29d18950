"""On a phone: one thing at a time, and a keyboard on glass."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from tests.e2e.web.conftest import Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


async def fits(reader: Reader) -> None:
    """Nothing is wider than the screen."""
    content, screen = await reader.page.evaluate("() => [document.documentElement.scrollWidth, screen.width]")
    assert content <= screen


async def test_the_composer(site: Site, visit: Visit) -> None:
    reader = await visit(site, await site.create(), **PHONE)
    await expect(reader.composer).not_to_be_focused()
    await reader.composer.tap()
    await reader.page.keyboard.type("say One.")
    await reader.page.keyboard.press("Enter")
    await reader.page.keyboard.type("Two.")
    await expect(reader.composer).to_have_value("say One.\nTwo.")
    await reader.button("Send").tap()
    await reader.complete(reader.answers, "One. Two.")
    await reader.send("show")
    await reader.button("Send").tap()
    await expect(reader.answers.last).to_have_attribute("aria-busy", "false")
    await expect(reader.composer).to_be_in_viewport()
    await fits(reader)
    content, room = await reader.thread.evaluate("(element) => [element.scrollWidth, element.clientWidth]")
    assert content <= room, "the conversation can be pushed sideways"


async def test_the_drawer(site: Site, visit: Visit) -> None:
    reader = await visit(site, await site.create(), **PHONE)
    drawer = reader.dialog("Chats")
    await reader.composer.fill("say One.")
    await reader.button("Send").tap()
    await reader.complete(reader.answers, "One.")

    await reader.button("Show chats").tap()
    await reader.button("New chat", drawer).tap()
    await expect(drawer).to_have_count(0)
    await expect(reader.questions).to_have_count(0)

    await reader.button("Show chats").tap()
    await expect(drawer.get_by_role("listitem")).to_have_count(2)
    await fits(reader)
    await drawer.get_by_role("button", name="say One.").first.tap()
    await expect(drawer).to_have_count(0)
    await reader.complete(reader.answers, "One.")

    await reader.button("Show chats").tap()
    await reader.page.touchscreen.tap(385, 400)
    await expect(drawer).to_have_count(0)
    await reader.button("Show chats").tap()
    await reader.page.keyboard.press("Escape")
    await expect(drawer).to_have_count(0)
