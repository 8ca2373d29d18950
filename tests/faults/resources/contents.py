"""All that is in a Redis, to be compared before and after something that must not change it."""

from __future__ import annotations

from typing import Any

from redis import Redis


def contents(redis: Redis) -> dict[bytes, Any]:
    """Key → value. What merely waiting workers change is left out: when they were heard of last."""
    return {key: _value(redis, key) for key in sorted(redis.scan_iter(count=1000))}


def _value(redis: Redis, key: bytes) -> Any:
    match redis.type(key):
        case b"hash":
            return redis.hgetall(key)
        case b"stream":
            return redis.xrange(key)
        case b"ReJSON-RL":
            return redis.execute_command("JSON.GET", key)  # type: ignore[no-untyped-call]
        case _:
            return redis.get(key)
