"""A session that expired: a friendly notice, the old text, and the way to a new one."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader
from tests.e2e.web.site import Key, Site


async def expire(site: Site, key: Key) -> None:
    """As Redis does when the time of a session is over: nobody is told."""
    async with site.backend() as backend:
        keys = backend.keys.session(key.id)
        await backend.redis.router.command(keys.tag, "UNLINK", *keys.owned)


KEPT = """
() => new Promise((done) => {
  const opening = indexedDB.open("unbroken");
  // the page makes the store; this must not
  opening.onupgradeneeded = () => opening.transaction.abort();
  opening.onerror = () => done(false);
  opening.onsuccess = () => {
    const asked = opening.result.transaction("chats").objectStore("chats").getAll();
    asked.onsuccess = () => {
      opening.result.close();
      done(asked.result.some((chat) => chat.turns.at(-1).reply?.status === "completed"));
    };
  };
})
"""


async def kept(reader: Reader) -> None:
    """Waits for the copy that the browser keeps: it is written a moment after the last change."""
    async with asyncio.timeout(60):
        while not await reader.page.evaluate(KEPT):
            await asyncio.sleep(0.05)


async def test_an_open_page_notices_and_leads_to_a_new_chat(deploy: Deploy, visit: Visit) -> None:
    site = await deploy()
    key = await site.create()
    reader = await visit(site, key)
    await reader.ask("say Still here.", answer="Still here.")
    await expire(site, key)
    await reader.send("say Too late.")
    await expect(reader.gone).to_be_visible()
    await expect(reader.status).to_have_text("Ended")
    await expect(reader.composer).to_have_count(0)
    await reader.complete(reader.answers, "Still here.")

    await reader.button("New chat", reader.gone).click()
    await expect(reader.status).to_have_text("Connected")
    await reader.ask("say Fresh.", answer="Fresh.")


async def test_a_page_that_comes_back_the_next_day_shows_the_old_text(site: Site, visit: Visit) -> None:
    key = await site.create()
    reader = await visit(site, key)
    await reader.ask("say Still here.", answer="Still here.")
    await expect(reader.page.get_by_role("navigation", name="Chats")).to_contain_text("Still here.")
    await kept(reader)
    await expire(site, key)
    await reader.page.reload()
    await expect(reader.gone).to_be_visible()
    await expect(reader.gone).to_contain_text("You can still read and copy what was said")
    await reader.complete(reader.answers, "Still here.")


async def test_a_wrong_key_is_told_as_one(site: Site, visit: Visit) -> None:
    stranger = await visit(site)
    key = await site.create()
    await stranger.page.goto(f"{site.url}/#{key.id}.{'A' * len(key.secret)}")
    await stranger.page.reload()
    await expect(stranger.page.get_by_text("The key to this chat is no longer valid.")).to_be_visible()
    await expect(stranger.button("New chat").last).to_be_visible()
