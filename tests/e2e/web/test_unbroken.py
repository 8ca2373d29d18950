"""Whatever breaks in mid-answer, the answer is there, whole and once, and the page stays calm."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.e2e.deployment import TAKEOVER
from tests.e2e.web.conftest import Deploy, Visit
from tests.e2e.web.reader import Reader, stands_still
from tests.e2e.web.site import Key, Site

NUMBERS = [str(n) for n in range(1, 61)]
WHOLE = " ".join(NUMBERS)


def counted(gate: str) -> str:
    """A message with an answer that stops in the middle, until the gate is opened."""
    return f"say {' '.join(NUMBERS[:20])}; wait {gate}; say  {' '.join(NUMBERS[20:])}"


async def half(reader: Reader) -> None:
    """Waits until the first half of the answer is there."""
    await expect(reader.said(reader.answers)).to_have_text(" ".join(NUMBERS[:20]))


async def whole(reader: Reader, key: Key) -> None:
    """The answer is complete: on the page as in the history, once."""
    await reader.complete(reader.answers, WHOLE)
    await expect(reader.questions).to_have_count(1)
    history = await reader.site.history(key)
    assert [message.get("status") for message in history] == [None, "completed"]
    assert history[1]["msg"] == WHOLE


async def test_reload_in_mid_answer(site: Site, reader: Reader) -> None:
    gate, key = site.gate(), await reader.key()
    await reader.send(counted(gate))
    await half(reader)
    await reader.page.reload()
    await half(reader)
    await reader.page.reload()
    site.open(gate)
    await whole(reader, key)


async def test_reload_before_the_message_left(site: Site, reader: Reader) -> None:
    key = await reader.key()
    await reader.context.set_offline(True)
    await reader.send("say One.")
    await expect(reader.questions).to_contain_text("Will be sent")
    await reader.context.set_offline(False)
    await reader.page.reload()
    await reader.complete(reader.answers, "One.")
    assert len(await site.history(key)) == 2


@pytest.mark.parametrize("part", ["Markdown", "TaskDialog"])
async def test_a_part_of_the_page_that_did_not_arrive(reader: Reader, part: str) -> None:
    """What is loaded behind the first view meets a dead connection; it comes when the connection is back."""
    failed = asyncio.Event()

    async def lose(route: Route) -> None:
        await route.abort()
        failed.set()

    await reader.context.route(f"**/assets/{part}-*", lose)
    await reader.page.reload()
    await reader.send("say Some **bold** words.")
    await expect(reader.answers).to_contain_text("words.")
    await failed.wait()
    await reader.context.unroute_all()
    await expect(reader.answers.locator("strong")).to_have_text("bold")
    await reader.rename("Back again")


async def test_two_tabs_show_the_same_also_what_the_other_wrote(site: Site, reader: Reader) -> None:
    gate = site.gate()
    other = await reader.another_tab()
    await reader.send(counted(gate))
    for tab in (reader, other):
        await half(tab)
    await other.send("say From the other tab.")
    for tab in (reader, other):
        await expect(tab.waiting).to_contain_text("say From the other tab.")
    site.open(gate)
    for tab in (reader, other):
        await tab.complete(tab.answers.nth(0), WHOLE)
        await tab.complete(tab.answers.nth(1), "From the other tab.")
        await expect(tab.questions).to_have_count(2)
    assert len(await site.history(await reader.key())) == 4


async def test_two_browsers_show_the_same(site: Site, reader: Reader, visit: Visit) -> None:
    key = await reader.key()
    elsewhere = await visit(site, key)
    await reader.ask("say One.", answer="One.")
    await elsewhere.complete(elsewhere.answers, "One.")
    await elsewhere.send("say Two.")
    await reader.complete(reader.answers.nth(1), "Two.")


@pytest.mark.parametrize("how", ["SIGTERM", "kill -9"])
async def test_server_restart_in_mid_answer(deploy: Deploy, visit: Visit, how: str) -> None:
    site = await deploy()
    key, gate = await site.create(), site.gate()
    reader = await visit(site, key)
    await reader.page.clock.install()
    await reader.send(counted(gate))
    await half(reader)

    if how == "SIGTERM":
        assert await site.server.terminate() == 0
    else:
        site.server.kill()
    await expect(reader.status).to_have_text("Reconnecting")
    site.open(gate)
    await expect(reader.page.get_by_text("Connecting again. Write on: your message will be sent.")).to_be_visible()
    await half(reader)
    await reader.send("say Written meanwhile.")
    await expect(reader.page.get_by_text("say Written meanwhile.")).to_be_visible()

    if how == "SIGTERM":
        await site.restart_server()  # it comes back by itself
    else:
        async with stands_still(reader.page):  # so it does not
            await site.restart_server()
            async with reader.page.expect_websocket():
                await reader.button("Try now").click()
    await expect(reader.status).to_have_text("Connected")
    await reader.complete(reader.answers.nth(0), WHOLE)
    await reader.complete(reader.answers.nth(1), "Written meanwhile.")
    assert [message["msg"] for message in await site.history(key)][1::2] == [WHOLE, "Written meanwhile."]
    assert await reader.alerts() == [], "nothing of this is an error to the reader"


async def test_worker_killed_in_mid_answer(deploy: Deploy, visit: Visit) -> None:
    site = await deploy(**TAKEOVER)
    key, gate = await site.create(), site.gate()
    reader = await visit(site, key)
    await reader.send(counted(gate))
    await half(reader)

    site.worker.kill()
    await half(reader)
    await expect(reader.status).to_have_text("Connected")
    await site.start_worker()
    await expect(reader.answers.get_by_text("Picked up again after an interruption.")).to_be_visible()
    site.open(gate)
    await whole(reader, key)
    await expect(reader.answers.get_by_text("Picked up again")).to_have_count(0)
    assert await reader.alerts() == []


async def test_offline_and_back_with_a_message_written_meanwhile(site: Site, reader: Reader) -> None:
    gate, key = site.gate(), await reader.key()
    await reader.send(counted(gate))
    await half(reader)
    await reader.context.set_offline(True)
    await expect(reader.status).to_have_text("Offline")
    await expect(reader.page.get_by_text("You are offline. Write on: your message will be sent.")).to_be_visible()

    await reader.send("say Written offline.")
    await expect(reader.waiting).to_contain_text("Will be sent")
    site.open(gate)
    await site.history_when(key, lambda found: found[-1]["msg"] == WHOLE)  # the answer goes on without its reader
    await half(reader)

    await reader.context.set_offline(False)
    await expect(reader.status).to_have_text("Connected")
    await reader.complete(reader.answers.nth(0), WHOLE)
    await reader.complete(reader.answers.nth(1), "Written offline.")
    assert len(await site.history(key)) == 4
    assert await reader.alerts() == []


async def test_nothing_is_lost_when_everything_goes_at_once(deploy: Deploy, visit: Visit) -> None:
    site = await deploy(**TAKEOVER)
    key, gate = await site.create(), site.gate()
    reader = await visit(site, key)
    await reader.send(counted(gate))
    await half(reader)
    site.server.kill()
    site.worker.kill()
    site.open(gate)
    await asyncio.gather(site.restart_server(), site.start_worker())
    await reader.page.reload()
    await whole(reader, key)
