"""From nothing to an answer, and what stays of it."""

from __future__ import annotations

from playwright.async_api import expect

from tests.e2e.web.conftest import Visit
from tests.e2e.web.site import Site


async def test_a_name_a_message_a_streamed_answer_and_a_history(site: Site, visit: Visit) -> None:
    reader = await visit(site)
    page, gate = reader.page, site.gate()

    await page.get_by_role("textbox", name="What should we call you?").fill("Ada")
    await reader.button("Start chatting").click()
    await expect(page.get_by_text("Hello, Ada.")).to_be_visible()
    await expect(reader.status).to_have_text("Connected")
    await expect(reader.composer).to_be_focused()

    await reader.send(f"say The sea; wait {gate}; say  rises.")
    answer = reader.answers.last
    await expect(reader.said(answer)).to_have_text("The sea")
    await expect(answer).to_have_attribute("aria-busy", "true")
    await expect(reader.composer).to_have_value("")
    site.open(gate)
    await reader.complete(answer, "The sea rises.")

    key = await reader.key()
    asked, replied = await site.history(key)
    assert asked["msg"].startswith("say The sea")
    assert (replied["msg"], replied["status"]) == ("The sea rises.", "completed")
    await expect(page.get_by_role("navigation", name="Chats")).to_contain_text("The sea rises.")
    assert key.secret not in page.url
    assert key.id in page.url, "the address holds the session"
    assert await reader.alerts() == []


async def test_an_empty_name_is_asked_for_again(site: Site, visit: Visit) -> None:
    reader = await visit(site)
    await reader.button("Start chatting").click()
    await expect(reader.page.get_by_role("alert")).to_have_text("Please enter a name.")
    await reader.page.get_by_role("textbox", name="What should we call you?").press_sequentially("A")
    await expect(reader.page.get_by_role("alert")).to_have_text("")


async def test_the_page_comes_back_to_the_chat_that_was_open(site: Site, visit: Visit) -> None:
    key = await site.create()
    reader = await visit(site, key)
    await reader.ask("say One.", answer="One.")
    await reader.page.goto("about:blank")
    await reader.page.goto(site.url)
    await reader.complete(reader.answers.last, "One.")
    await expect(reader.questions).to_have_count(1)


async def test_ideas_can_be_picked_and_a_draft_stays(site: Site, visit: Visit) -> None:
    reader = await visit(site, await site.create())
    await reader.composer.fill("half a thought")
    await reader.page.reload()
    await expect(reader.composer).to_have_value("half a thought")
    await reader.button("Explain how tides work").click()
    await reader.complete(reader.answers.last, "Explain how tides work")
    await expect(reader.composer).to_have_value("half a thought")
