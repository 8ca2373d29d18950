"""What a whole message costs, from the socket that sends it to the one that shows the reply; and what nothing costs."""

from __future__ import annotations

import time

import pytest

from tests.costs.budget import MORE, exactly
from tests.costs.choir import Choir
from tests.costs.monitor import Count
from tests.integration.server.site import Reader, serving
from tests.integration.worker.harness import until, working
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.server.bounds import Bounds

LEASE = 3.0
PARTITIONS = 4


@pytest.mark.settings(partitions=1, lease=3600, drain_grace=1.0)
async def test_a_message_is_three_scripts_and_a_pair_for_each_piece(
    settings: Settings, backend: Backend, count: Count
) -> None:
    choir = Choir()
    async with serving(settings, Bounds()) as site, working(backend, choir):
        token, _ = await site.session()
        async with site.native(token) as reader:
            await _message(reader, choir, "1")  # loads the scripts
            async with count() as traffic:
                await _message(reader, choir, "2")
    exactly("a message whose reply is one piece, in commands,", traffic.work, {"EVALSHA": 3, "XADD": 1, "SPUBLISH": 1})


async def _message(reader: Reader, choir: Choir, id_: str) -> None:
    await reader.send(id_, "sing")
    await until(lambda: choir.waiting == 1)
    choir.say("la")
    await reader.until("reply.delta", timeout=30)
    choir.end()
    await reader.until("reply.completed", timeout=30)


@pytest.mark.settings(partitions=PARTITIONS, lease=LEASE)
async def test_a_worker_without_work_waits_for_all_partitions_at_once(backend: Backend, count: Count) -> None:
    async with working(backend, Choir()):
        async with count() as traffic:
            await count.until(traffic, "XREADGROUP", 2)  # connected, and tidied up for the first time
        began = time.monotonic()
        async with count() as traffic:
            await count.until(traffic, "XREADGROUP", 4)
        periods = (time.monotonic() - began) / (LEASE / 3)
    exactly("waiting for work, beside the waiting,", traffic.work, {})
    for name, at_once in (("XREADGROUP", 1), ("XAUTOCLAIM", PARTITIONS)):  # either may begin a tenth of its time early
        most = at_once * (periods / 0.9 + 2)
        assert traffic.sent[name] <= most, f"{traffic.sent[name]} {name} in {periods:.1f} periods. {MORE}"
