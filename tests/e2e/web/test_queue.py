"""Messages that wait: their place, and what can be done with them before it is their turn."""

from __future__ import annotations

from playwright.async_api import expect

from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site


async def busy(reader: Reader, *waiting: str) -> str:
    """Sends a message whose answer is held, and more behind it. Returns the gate."""
    gate = reader.site.gate()
    await reader.send(f"say Zero.; wait {gate}")
    await expect(reader.said(reader.answers)).to_have_text("Zero.")
    for place, text in enumerate(waiting):
        await reader.send(text)
        await expect(reader.button("Send now", reader.waiting.nth(place))).to_be_visible()
    return gate


async def test_messages_wait_at_their_places_and_are_answered_in_order(site: Site, reader: Reader) -> None:
    gate = await busy(reader, "say One.", "say Two.")
    await expect(reader.page.get_by_text("2 messages wait for their turn")).to_be_visible()
    await expect(reader.waiting.nth(0)).to_contain_text("Number 1 in the queue:say One.")
    await expect(reader.waiting.nth(1)).to_contain_text("Number 2 in the queue:say Two.")
    site.open(gate)
    for place, text in enumerate(("Zero.", "One.", "Two.")):
        await reader.complete(reader.answers.nth(place), text)
    await expect(reader.waiting).to_have_count(0)


async def test_take_back(site: Site, reader: Reader) -> None:
    gate = await busy(reader, "say One.", "say Two.")
    await reader.button("Take back", reader.waiting.nth(0)).click()
    await expect(reader.waiting).to_have_count(1)
    await expect(reader.composer).to_have_value("say One.")
    await site.history_when(
        await reader.key(), lambda found: [one["msg"] for one in found if one.get("withdrawn")] == ["say One."]
    )
    site.open(gate)
    await reader.complete(reader.answers.nth(1), "Two.")
    await expect(reader.questions).to_have_count(2)


async def test_edit(site: Site, reader: Reader) -> None:
    gate = await busy(reader, "say One.")
    await reader.button("Edit waiting message", reader.waiting).click()
    field = reader.page.get_by_role("textbox", name="Edit waiting message")
    await expect(field).to_be_focused()
    await field.fill("say Another.")
    await field.press("Enter")
    await expect(reader.waiting).to_contain_text("say Another.")
    await site.history_when(await reader.key(), lambda found: found[-1]["msg"] == "say Another.")
    site.open(gate)
    await reader.complete(reader.answers.nth(1), "Another.")
    await expect(reader.page.get_by_text("say One.")).to_have_count(0)


async def test_editing_can_be_given_up(site: Site, reader: Reader) -> None:
    gate = await busy(reader, "say One.")
    await reader.button("Edit waiting message", reader.waiting).click()
    await reader.page.get_by_role("textbox", name="Edit waiting message").fill("say Another.")
    await reader.page.keyboard.press("Escape")
    await expect(reader.waiting).to_contain_text("say One.")
    site.open(gate)
    await reader.complete(reader.answers.nth(1), "One.")


async def test_send_now_stops_the_answer_and_goes_first(site: Site, reader: Reader) -> None:
    await busy(reader, "say One.", "say Two.")
    await reader.button("Send now", reader.waiting.nth(1)).click()
    await expect(reader.answers.nth(0)).to_contain_text("Stopped")
    await reader.complete(reader.answers.nth(1), "Two.")
    await reader.complete(reader.answers.nth(2), "One.")
    assert await reader.alerts() == []


async def test_another_tab_sees_and_changes_the_queue(site: Site, reader: Reader) -> None:
    gate = await busy(reader, "say One.", "say Two.")
    other = await reader.another_tab()
    await expect(other.waiting).to_have_count(2)
    await other.button("Take back", other.waiting.nth(1)).click()
    await expect(reader.waiting).to_have_count(1)
    site.open(gate)
    await reader.complete(reader.answers.nth(1), "One.")
    await expect(other.answers).to_have_count(2)


async def test_a_full_queue_says_when_it_tries_again_and_does(deploy: Deploy, visit: Visit) -> None:
    site = await deploy(inbox_limit=2)
    reader = await visit(site, await site.create())
    gate = await busy(reader, "say One.")
    await reader.send("say Two.")
    await expect(reader.waiting.nth(1)).to_contain_text("Earlier answers come first. Trying again in")
    site.open(gate)
    for place, text in enumerate(("Zero.", "One.", "Two.")):
        await reader.complete(reader.answers.nth(place), text)
    assert await reader.alerts() == []


async def test_a_full_chat_says_so_and_leads_on(deploy: Deploy, visit: Visit) -> None:
    site = await deploy(turn_limit=1)
    reader = await visit(site, await site.create())
    await reader.ask("say One.", answer="One.")
    await reader.send("say Two.")
    await expect(reader.questions.last.get_by_role("alert")).to_contain_text("This chat is full.")
    await reader.button("Discard").click()
    await expect(reader.questions).to_have_count(1)
