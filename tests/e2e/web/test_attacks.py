"""Nothing that anybody writes becomes script, a request or a form. The watch of every test asserts the rest."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.web.attacks import ATTACKS, HTML, IMAGES, LINKS
from tests.e2e.web.conftest import Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Site

DANGEROUS = "script, iframe, object, embed, form, link, meta, base, style, img, image, [onclick], [onerror], [onload]"
NAMES = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    "[x](javascript:alert(3)) ![](https://a.example/b)",
)
FRAGMENTS = (NAMES[0], "chat=<script>alert(1)</script>", "javascript:alert(1)", "a.b", "constructor.x")


async def harmless(content: Locator) -> None:
    """No element that acts, and no link that leads anywhere but to the web or to a mail."""
    await expect(content.locator(DANGEROUS)).to_have_count(0)
    for link in await content.get_by_role("link").all():
        address = await link.get_attribute("href") or ""
        assert address.startswith(("https://", "http://", "mailto:")), address
        assert await link.get_attribute("target") == "_blank"
        assert "noopener" in (await link.get_attribute("rel") or "")


async def test_an_answer(site: Site, reader: Reader) -> None:
    await reader.send("attack")
    answer = reader.answers.last
    await expect(answer).to_contain_text("The end of the attack.")
    await expect(answer).to_have_attribute("aria-busy", "false")
    await harmless(answer)
    for html in (HTML[0], HTML[1], HTML[4]):
        await expect(answer).to_contain_text(html)  # as it was written
    remote = answer.get_by_role("link", name="remote")
    await expect(remote).to_have_attribute("href", "https://evil.example/40.png")
    assert not [url for url in reader.watch.requests if "evil" in url]

    await reader.page.reload()
    await expect(reader.answers).to_contain_text("The end of the attack.")
    await harmless(reader.answers)
    await answer.hover()
    assert "alert" not in await reader.page.title()


async def test_links_that_are_none_do_nothing_when_they_are_pressed(reader: Reader) -> None:
    await reader.send("attack")
    answer = reader.answers.last
    await expect(answer).to_contain_text("The end of the attack.")
    before = reader.page.url
    for text in ("script link", "mixed case", "tab", "data link", "base64", "relative", "by reference"):
        words = answer.get_by_text(text, exact=True).first
        await words.click()
        await words.click(button="middle")
    assert reader.page.url == before
    assert len(reader.context.pages) == 1


@pytest.mark.parametrize("text", [ATTACKS, *LINKS[:1], *IMAGES[:1]], ids=["all", "link", "image"])
async def test_a_message(reader: Reader, text: str) -> None:
    await reader.send(text)
    question = reader.questions.last
    await expect(question).to_contain_text(text.splitlines()[-1])
    await expect(reader.answers.last).to_have_attribute("aria-busy", "false")
    await expect(question.get_by_role("link")).to_have_count(0)  # a message is no Markdown
    await harmless(question)
    await harmless(reader.page.get_by_role("navigation", name="Chats"))


@pytest.mark.parametrize("name", NAMES)
async def test_a_name(site: Site, visit: Visit, name: str) -> None:
    reader = await visit(site)
    await reader.page.get_by_role("textbox", name="What should we call you?").fill(name)
    await reader.button("Start chatting").click()
    await expect(reader.page.get_by_text(f"Hello, {name}.")).to_be_visible()
    await reader.rename(f"chat {name}")
    await reader.menu("Delete")
    await expect(reader.dialog("Delete this chat?")).to_contain_text(name)
    await harmless(reader.dialog("Delete this chat?"))
    await expect(reader.page.locator("body").locator("script, iframe, img, form[action]")).to_have_count(0)


@pytest.mark.parametrize("fragment", FRAGMENTS)
async def test_an_address(site: Site, visit: Visit, fragment: str) -> None:
    reader = await visit(site)
    await reader.page.goto(f"{site.url}/#{fragment}")
    await reader.page.reload()
    await expect(reader.page.get_by_role("main")).to_be_visible()
