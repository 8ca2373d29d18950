"""The browser chooses the language, and with it the direction."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.web.axe import violations
from tests.e2e.web.conftest import Visit
from tests.e2e.web.site import Site

WORDS = {
    "de-AT": ("de", "ltr", "Wie dürfen wir dich nennen?", "Deine Nachricht", "Noch einmal antworten"),
    "es-MX": ("es", "ltr", "¿Cómo te llamamos?", "Tu mensaje", "Responder otra vez"),
    "ar": ("ar", "rtl", "بأي اسم نناديك؟", "رسالتك", "أجب مرة أخرى"),
    "fr-FR": ("en", "ltr", "What should we call you?", "Your message", "Answer again"),
}


@pytest.mark.parametrize("locale", WORDS)
async def test_the_first_visit_in(site: Site, visit: Visit, locale: str) -> None:
    language, direction, name, composer, again = WORDS[locale]
    reader = await visit(site, locale=locale)
    page = reader.page
    html = page.locator("html")
    await expect(html).to_have_attribute("lang", language)
    await expect(html).to_have_attribute("dir", direction)
    await page.get_by_role("textbox", name=name).fill("Ada")
    await page.keyboard.press("Enter")
    await page.get_by_role("textbox", name=composer).fill("say One.")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name=again)).to_be_visible()
    assert await violations(page) == []

    aside = await page.get_by_role("complementary").bounding_box()
    field = await page.get_by_role("textbox", name=composer).bounding_box()
    assert aside is not None
    assert field is not None
    assert (aside["x"] > field["x"]) is (direction == "rtl"), "the list of chats stands where reading begins"


async def test_text_has_the_direction_of_its_own_language(site: Site, visit: Visit) -> None:
    reader = await visit(site, await site.create())
    await reader.ask("say مرحبا بالعالم", answer="مرحبا بالعالم")
    await reader.ask("say Hello.", answer="Hello.")
    directions = [
        await reader.said(answer).evaluate("(element) => getComputedStyle(element).direction")
        for answer in await reader.answers.all()
    ]
    assert directions == ["rtl", "ltr"]
