"""What a bot asks, and what it hands over: options to press, a typed answer, one that comes too late, and files."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from tests.e2e.web.conftest import Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site
from tests.e2e.web.test_accessibility import no_barriers

FINGER = 44
"""What a finger hits, in pixels."""


def options(answer: Locator) -> Locator:
    return answer.get_by_role("list", name="Answers to choose from").get_by_role("listitem")


async def test_a_question_is_answered_once(site: Site, visit: Visit) -> None:
    key = await site.create()
    reader, late = await visit(site, key), await visit(site, key)
    await reader.send("clean")
    first = reader.answers.nth(0)
    await expect(options(first).get_by_role("button")).to_have_text(["Delete both", "Keep them"])
    await expect(first.get_by_text("Shall I delete them?")).to_have_count(1)
    await expect(reader.page.get_by_text("The answer ends with a question.")).to_be_attached()
    for button in await options(first).get_by_role("button").all():
        box = await button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= FINGER
    await no_barriers(reader.page)

    await expect(late.button("Keep them")).to_be_visible()
    await late.context.set_offline(True)
    await reader.button("Delete both").press("Enter")
    await expect(options(first)).to_have_text(["Chosen:Delete both", "Keep them"])
    await expect(reader.composer).to_be_focused()
    second = reader.answers.nth(1)
    await expect(options(second).get_by_role("button")).to_have_text(["Yes", "No"])
    await expect(options(first).get_by_role("button")).to_have_count(0)
    await no_barriers(reader.page)

    await comes_too_late(late)
    await reader.send(" yes ")
    await reader.complete(reader.answers.last, "Yes, the backups too.")
    for one in (reader, late):
        await expect(options(one.answers.nth(1))).to_have_text(["Chosen:Yes", "No"])
    asked = [message for message in await site.history(key) if message["role"] == "user"]
    first_reply, second_reply = f"{asked[0]['id']}.reply", f"{asked[1]['id']}.reply"
    assert [(one["msg"], one.get("answers")) for one in asked] == [
        ("clean", None),
        ("Delete both", first_reply),
        ("Keep them", None),
        (" yes ", second_reply),
    ]
    assert await reader.alerts() == []


async def comes_too_late(late: Reader) -> None:
    """Answers a question that was answered elsewhere meanwhile; the message goes its own way then."""
    await late.button("Keep them").click()
    await expect(options(late.answers)).to_have_text(["Delete both", "Chosen:Keep them"])
    await late.context.set_offline(False)
    await expect(late.page.get_by_text("This question was answered already.")).to_be_visible()
    await expect(options(late.answers.nth(0))).to_have_text(["Chosen:Delete both", "Keep them"])
    await expect(options(late.answers.nth(1)).get_by_role("button")).to_have_text(["Yes", "No"])
    await no_barriers(late.page)
    await late.button("Send anyway").click()
    await late.complete(late.answers.nth(2), "Keep them")
    assert await late.alerts() == []


async def test_files_lead_to_the_web_and_nowhere_else(site: Site, reader: Reader) -> None:
    await reader.send("files")
    files = reader.answers.get_by_role("list", name="Files")
    await expect(files.get_by_role("listitem")).to_have_count(4)
    links = files.get_by_role("link")
    await expect(links).to_have_count(3)
    assert [await link.get_attribute("href") for link in await links.all()] == [
        "https://example.org/files/Tide%20tables.pdf",
        f"{site.url}/files/venice.png",
        "https://example.org/f/7",
    ]
    for link in await links.all():
        assert await link.get_attribute("rel") == "noopener noreferrer nofollow"
    await expect(links.nth(0)).to_have_text("Tide tables.pdfPDF · 1.2 MB")
    await expect(files.get_by_role("listitem").nth(3)).to_have_text("archive.zipZIP · 512 bytes")
    await no_barriers(reader.page)
    assert not [url for url in reader.watch.requests if "venice" in url], "no picture is loaded"
