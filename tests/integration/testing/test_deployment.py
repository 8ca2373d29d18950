"""A deployment of its own for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unbroken import Turn
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError
from unbroken.testing import deployment

pytestmark = pytest.mark.usefixtures("_bundled")


async def bot(turn: Turn) -> AsyncIterator[str]:
    yield f"Hello {turn.session_name}, "
    yield await turn.ask("how are you?")


async def test_it_answers() -> None:
    async with deployment(bot, title="Greeter") as site:
        chat = await site.client.create("Ada")
        sent = await chat.send("Hi")
        assert (await sent.reply()).msg == "Hello Ada, \n\nhow are you?"
        answer = await chat.send("Well")
        assert (await answer.reply()).msg == "Well"
        assert site.settings.title == "Greeter"


async def test_bots_from_a_file_on_a_redis_that_is_there(valkey: Embedded, prefix: str, tmp_path: Path) -> None:
    bots = tmp_path / "bots.toml"
    bots.write_text('[helper]\nmodel = "demo"\n')
    async with deployment(redis_url=valkey.address, prefix=prefix, bots=bots) as site:
        chat = await site.client.create("Ada")
        assert "not an AI" in (await (await chat.send("Hi")).reply()).msg


async def test_a_bot_that_does_not_start_fails_the_test(valkey: Embedded, prefix: str) -> None:
    class Broken:
        async def start(self) -> None:
            raise ConfigurationError("no key")

        async def reply(self, turn: Turn) -> str:
            return ""

    with pytest.raises(ConfigurationError, match="no key"):
        async with deployment(Broken, redis_url=valkey.address, prefix=prefix):
            pass
