"""The chats of a browser: naming, finding, deleting, taking one to another device, and taking it away as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.web.conftest import Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site


async def three_chats(reader: Reader) -> None:
    """Two more chats beside the first; the last one is open."""
    for number, text in enumerate(("say Apples grow.", "say Boats float.", "say Çelik söyler.")):
        if number:
            await reader.button("New chat").click()
            await expect(reader.questions).to_have_count(0)
        await reader.ask(text, answer=text.removeprefix("say "))


async def test_search_open_rename_and_delete(site: Site, reader: Reader) -> None:
    page = reader.page
    chats = page.get_by_role("navigation", name="Chats")
    rows = chats.get_by_role("listitem")
    await three_chats(reader)
    await expect(rows).to_have_count(3)

    search = page.get_by_role("searchbox", name="Search chats")
    await search.fill("boat FLOAT")
    await expect(rows).to_have_count(1)
    await search.fill("celik")
    await expect(rows).to_have_count(1)
    await search.fill("zebra")
    await expect(page.get_by_text("0 chats found")).to_be_visible()
    await search.fill("apples")
    await rows.get_by_role("button").first.click()
    await reader.complete(reader.answers, "Apples grow.")
    await search.fill("")

    await reader.rename("Orchard")
    await expect(rows.filter(has_text="Orchard")).to_have_count(1)

    await reader.menu("Delete")
    dialog = reader.dialog("Delete this chat?")
    await expect(dialog).to_contain_text("“Orchard” will be deleted for everyone")
    await expect(reader.button("Cancel", dialog)).to_be_focused()
    await reader.button("Delete", dialog).click()
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="Orchard")).to_have_count(0)


async def test_a_new_name_reaches_the_other_tab_and_the_server(site: Site, reader: Reader, visit: Visit) -> None:
    key = await reader.key()
    elsewhere = await visit(site, key)
    await reader.rename("Orchard")
    await expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Orchard")


async def test_a_chat_that_was_deleted_elsewhere_ends_calmly(site: Site, reader: Reader, visit: Visit) -> None:
    await reader.ask("say One.", answer="One.")
    elsewhere = await visit(site, await reader.key())
    await elsewhere.menu("Delete")
    await elsewhere.button("Delete", elsewhere.dialog("Delete this chat?")).click()
    await expect(reader.gone).to_be_visible()
    await reader.complete(reader.answers, "One.")
    await expect(elsewhere.page.get_by_role("textbox", name="What should we call you?")).to_be_visible()


async def test_a_copied_link_opens_the_chat_on_another_device(site: Site, reader: Reader, visit: Visit) -> None:
    await reader.ask("say One.", answer="One.")
    key = await reader.key()
    await reader.button("Share").click()
    dialog = reader.dialog("Continue elsewhere")
    await expect(dialog.get_by_role("img", name="QR code with the link to this chat")).to_be_visible()
    link = await dialog.get_by_role("textbox", name="Link to this chat").input_value()
    path, _, fragment = link.partition("#")
    assert key.secret in fragment
    assert key.secret not in path

    phone = await visit(site)
    await phone.page.goto(link)
    await phone.complete(phone.answers, "One.")
    assert key.secret not in phone.page.url, "the secret leaves the address bar"
    await phone.send("say Two.")
    await reader.complete(reader.answers.nth(1), "Two.")

    for watch in (reader.watch, phone.watch):
        assert watch.requests
        addresses = [*(url.partition("#")[0] for url in watch.requests), *watch.referrers]
        assert not [url for url in addresses if key.secret in url], "the secret is in no address that is sent"
    assert key.secret not in site.deployment.logs()


async def test_an_address_without_its_key_explains_itself(site: Site, reader: Reader, visit: Visit) -> None:
    stranger = await visit(site)
    await stranger.page.goto(f"{site.url}/#chat={(await reader.key()).id}")
    await stranger.page.reload()
    await expect(stranger.page.get_by_role("heading", name="This chat is on another device.")).to_be_visible()
    await stranger.button("New chat", stranger.page.get_by_role("main")).click()
    await expect(stranger.page.get_by_role("textbox", name="What should we call you?")).to_be_visible()


@pytest.mark.parametrize(("item", "ending"), [("Export as Markdown", ".md"), ("Export as JSON", ".json")])
async def test_export(reader: Reader, tmp_path: Path, item: str, ending: str) -> None:
    await reader.ask("say The **sea**.", answer="The sea.")
    async with reader.page.expect_download() as waiting:
        await reader.menu(item)
    download = await waiting.value
    assert download.suggested_filename.endswith(ending)
    await download.save_as(tmp_path / "export")
    text = (tmp_path / "export").read_text()
    assert "The **sea**." in text
    if ending == ".json":
        assert [message["role"] for message in json.loads(text)["messages"]] == ["user", "assistant"]


async def test_back_leads_to_the_chat_before(reader: Reader) -> None:
    await three_chats(reader)
    await reader.page.go_back()
    await reader.complete(reader.answers, "Boats float.")
    await reader.page.go_forward()
    await reader.complete(reader.answers, "Çelik söyler.")


async def test_settings_are_kept(reader: Reader) -> None:
    page = reader.page
    await reader.button("Settings").click()
    await reader.dialog("Settings").get_by_role("radio", name="Dark").check(force=True)
    await reader.dialog("Settings").get_by_role("combobox", name="Language").select_option("es")
    await expect(page.get_by_role("textbox", name="Tu mensaje")).to_be_attached()
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "es")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
