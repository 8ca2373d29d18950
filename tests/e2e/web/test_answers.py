"""What can be done with an answer: stop it, ask again, go back to another version, judge it, copy it."""

from __future__ import annotations

from playwright.async_api import expect

from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader, stands_still
from tests.e2e.web.site import Site


async def test_stop_keeps_what_was_said_and_marks_it(site: Site, reader: Reader) -> None:
    await reader.send(f"say As far as here; wait {site.gate()}; say  and no further")
    await expect(reader.said(reader.answers)).to_have_text("As far as here")
    await reader.button("Stop answer").click()
    await expect(reader.answers.get_by_text("Stopped")).to_be_visible()
    await reader.complete(reader.answers, "As far as here")
    await expect(reader.button("Stop answer")).to_have_count(0)
    reply = (await site.history(await reader.key()))[1]
    assert (reply["msg"], reply["status"]) == ("As far as here", "cancelled")
    await reader.ask("say Next.", answer="Next.")


async def test_answer_again_keeps_both_versions(site: Site, reader: Reader) -> None:
    await reader.ask("say One.", answer="One.")
    await reader.button("Answer again").click()
    versions = reader.page.get_by_role("group", name="Versions")
    await expect(versions).to_contain_text("2 of 2")
    await reader.complete(reader.answers, "One.")
    await expect(reader.questions).to_have_count(1)
    history = await site.history(await reader.key())
    assert len(history) == 4
    assert history[2]["replaces"] == history[0]["id"]


async def test_edit_the_last_message_and_go_through_the_versions(site: Site, reader: Reader) -> None:
    await reader.ask("say One.", answer="One.")
    await reader.button("Edit message").click()
    await reader.page.get_by_role("textbox", name="Edit", exact=True).fill("say Two.")
    await reader.page.keyboard.press("Enter")
    await reader.complete(reader.answers, "Two.")
    await expect(reader.questions).to_contain_text("say Two.")
    await expect(reader.questions).to_have_count(1)

    await reader.button("Previous version").click()
    await reader.complete(reader.answers, "One.")
    await expect(reader.questions).to_contain_text("say One.")
    await reader.button("Next version").click()
    await reader.complete(reader.answers, "Two.")
    await reader.page.reload()
    await reader.complete(reader.answers, "Two.")
    await expect(reader.page.get_by_role("group", name="Versions")).to_contain_text("2 of 2")


async def test_only_the_last_message_can_be_changed(reader: Reader) -> None:
    await reader.ask("say One.", answer="One.")
    await reader.ask("say Two.", answer="Two.")
    await expect(reader.button("Edit message")).to_have_count(1)
    await expect(reader.button("Answer again")).to_have_count(1)


async def test_feedback_is_stored_shown_everywhere_and_taken_back(site: Site, reader: Reader) -> None:
    key = await reader.key()

    async def stored(value: str | None) -> None:
        await site.history_when(key, lambda found: found[1].get("feedback") == value)

    await reader.ask("say One.", answer="One.")
    other = await reader.another_tab()
    for button, value in (("Good answer", "up"), ("Bad answer", "down")):
        await reader.button(button).click()
        await expect(reader.button(button)).to_have_attribute("aria-pressed", "true")
        await expect(other.button(button)).to_have_attribute("aria-pressed", "true")
        await stored(value)
    await expect(reader.button("Good answer")).to_have_attribute("aria-pressed", "false")
    await other.button("Bad answer").click()
    await expect(reader.button("Bad answer")).to_have_attribute("aria-pressed", "false")
    await stored(None)


async def test_copy(site: Site, visit: Visit) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    reader = await visit(site, await site.create(), permissions=permissions)
    await reader.page.clock.install()
    await reader.ask("say The **sea**.", answer="The sea.")
    async with stands_still(reader.page):  # it says so for two seconds, which is too short for a slow machine
        await reader.button("Copy answer").click()
        await expect(reader.page.get_by_text("Copied")).to_be_attached()
    assert await reader.page.evaluate("navigator.clipboard.readText()") == "The **sea**.", "as it was written"
    await reader.send("show")
    await reader.button("Copy code").click()
    copied = await reader.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def tide(hours: float)")


async def test_reasoning_tools_data_and_sources(reader: Reader) -> None:
    await reader.send("show")
    answer = reader.answers.last
    await expect(answer).to_have_attribute("aria-busy", "false")
    await expect(answer.locator("details[open]")).to_have_count(0)  # it closes by itself
    await answer.get_by_text("Reasoning", exact=True).click()
    await expect(answer.get_by_text("They ask about tides.")).to_be_visible()
    await answer.get_by_text("Used almanac").click()
    await expect(answer.get_by_text('"high": "11:20"')).to_be_visible()
    await answer.get_by_text("chart", exact=True).click()
    await expect(answer.get_by_role("group", name="chart")).to_contain_text('"venice": [')
    await expect(answer.get_by_text("Tokens: 1,234 in, 567 out")).to_be_visible()
    await expect(answer.locator("details")).to_have_count(3)
    await expect(answer.get_by_role("link", name="Almanac")).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(answer.get_by_role("table").get_by_role("row")).to_have_count(3)
    await expect(answer.get_by_role("img", name="To do")).to_be_visible()


async def test_a_failed_answer_says_why_and_can_be_tried_again(site: Site, reader: Reader) -> None:
    await reader.send("say As far as here; fail The tide was out.")
    await expect(reader.answers).to_contain_text("This answer did not work out.")
    await expect(reader.answers).to_contain_text("The tide was out.")
    await expect(reader.said(reader.answers)).to_have_text("As far as here")
    await reader.button("Try again").click()
    await expect(reader.page.get_by_role("group", name="Versions")).to_contain_text("2 of 2")
    await expect(reader.answers).to_contain_text("The tide was out.")
    assert len(await site.history(await reader.key())) == 4


async def test_a_message_that_is_too_long_says_by_how_much(deploy: Deploy, visit: Visit) -> None:
    site = await deploy(worker=False, message_bytes=100)
    reader = await visit(site, await site.create())
    await reader.composer.fill("x" * 101)
    await expect(reader.page.get_by_text("1 character too long")).to_be_visible()
    await expect(reader.button("Send")).to_be_disabled()
    await reader.composer.press("Enter")
    await expect(reader.questions).to_have_count(0)
    await reader.composer.fill("ü" * 50)
    await expect(reader.button("Send")).to_be_enabled()
