"""The JSON module frees its values on the background thread and corrupts the heap, unless lazy freeing is off."""

from __future__ import annotations

import json

import redis

from tests.conftest import StartValkey

DOCUMENT = json.dumps({"messages": [{"id": f"m{n}", "role": "user", "msg": f"text {n}"} for n in range(60)]})
ROUNDS = 600


def test_lazy_freeing_is_off_and_no_way_of_deleting_kills_the_server(private_valkey: StartValkey) -> None:
    server = private_valkey()
    with redis.from_url(server.address, decode_responses=True, socket_timeout=60) as client:
        lazy = client.config_get("lazyfree-lazy-*", "replica-lazy-flush")
        assert len(lazy) >= 6
        assert set(lazy.values()) == {"no"}

        for number in range(ROUNDS):
            pipeline = client.pipeline(transaction=False)
            names = [f"doc{n}" for n in range(30)]
            for name in names:
                pipeline.execute_command("JSON.SET", name, "$", DOCUMENT)
            match number % 4:
                case 0:
                    pipeline.flushall()
                case 1:
                    pipeline.delete(*names)
                case 2:
                    pipeline.unlink(*names)
                case 3:
                    for name in names:
                        pipeline.pexpire(name, 1)
            pipeline.execute_command("JSON.SET", "kept", "$", DOCUMENT)
            pipeline.execute_command("JSON.GET", "kept", "$.messages")
            assert json.loads(pipeline.execute()[-1]) == [json.loads(DOCUMENT)["messages"]]
        assert client.info("memory")["lazyfreed_objects"] == 0
    assert server.check()
