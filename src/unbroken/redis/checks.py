"""What a server must be, checked when a process starts.

Every failure is one sentence that says what to do, and none of them shows a password.
"""

from __future__ import annotations

import asyncio
import logging

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.keys import Keys
from unbroken.redis.dial import Dialer, Greeting, LoginRefused, NotPrimary
from unbroken.redis.router import Router
from unbroken.redis.topology import Node, Topology
from unbroken.redis.wire import RedisReplyError

logger = logging.getLogger("unbroken.redis")

_OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
_WHICH = "use Redis 8, Redis Stack 7, or Valkey with valkey-json (container image valkey/valkey-bundle)"


def explain(error: Exception, dialer: Dialer, node: Node) -> ConfigurationError:
    """Why the first connection failed, and what to do."""
    where = f"{dialer.kind} at {dialer.describe(node)}"
    if isinstance(error, NotPrimary):
        return ConfigurationError(f"{where} is a replica, which takes no writes; point REDIS_URL to its primary")
    if isinstance(error, LoginRefused):
        if dialer.kind != "Redis":
            return ConfigurationError(
                f"{where} refuses the login; check ?sentinel_username= and sentinel_password= in REDIS_URL"
            )
        if not dialer.has_login:
            return ConfigurationError(f"{where} wants a login; set REDIS_PASSWORD, and REDIS_USER if it has users")
        return ConfigurationError(f"{where} refuses the login; check REDIS_USER and REDIS_PASSWORD")
    if "max number of clients" in str(error):
        return ConfigurationError(f"{where} serves as many clients as it may; raise its maxclients")
    if "unknown command" in str(error) and "HELLO" in str(error):
        return ConfigurationError(f"the server at {dialer.describe(node)} is too old, it does not know HELLO; {_WHICH}")
    return ConfigurationError(f"cannot connect to {dialer.kind} ({error}); start it, or correct REDIS_URL")


def check_greeting(greeting: Greeting) -> None:
    """Refuses a server that is too old, or of a kind that is not supported.

    Raises:
        ConfigurationError: says which one to use.
    """
    oldest = _OLDEST.get(greeting.product, (0, 0))
    if _version(greeting.version) < oldest:
        raise ConfigurationError(
            f"{greeting.product} {greeting.version} is too old, {'.'.join(map(str, oldest))} is needed; {_WHICH}"
        )


async def check(router: Router, topology: Topology, dialer: Dialer, settings: Settings) -> Keys:
    """Refuses servers that cannot keep the promises, and returns the keys. Waits while they load their data.

    Raises:
        ConfigurationError: says what to change.
        Unavailable: one does not answer.
    """
    keys = Keys(settings.prefix, settings.partitions or topology.partitions)
    servers = {topology.node(tag): tag for tag in keys.tags}
    away: list[ConfigurationError] = []
    try:
        for node, tag in servers.items():
            try:
                greeting = await router.greet(node)
            except ConnectionError as error:
                away.append(explain(error, dialer, node))
                continue
            try:
                check_greeting(greeting)
                await _server(router, tag, settings)
            except ConfigurationError as error:
                raise ConfigurationError(f"{node}: {error}" if len(servers) > 1 else str(error)) from None
        if len(away) == len(servers):
            raise away[0]
        for failure in away:  # a part of a cluster that is away holds up only its own sessions
            logger.warning("%s", failure)
        return await _partitions(router, settings, keys)
    except RedisReplyError as error:
        if error.code != "NOPERM":
            raise
        rights = f"~{keys.prefix}:* &{keys.prefix}:* +@all -@admin -@dangerous +info +client|unblock"
        raise ConfigurationError(f"the Redis user lacks a permission ({error}); give it {rights}") from None


async def _server(router: Router, tag: str, settings: Settings) -> None:
    """Checks the owner of a tag."""
    await _loaded(router, tag)
    own = f"{settings.prefix}:{{{tag}}}:check"
    await _json(router, own, tag)
    await _eviction(router, tag)
    if settings.ack == "disk":
        await _disk(router, tag)
    if settings.ack == "replica":
        await _replicas(router, tag, settings.ack_replicas)
    await router.command(tag, "EVAL", "#!lua flags=no-writes\nreturn 1", 0)
    await router.command(tag, "SPUBLISH", own, "")


async def _loaded(router: Router, tag: str) -> None:
    """Returns when the server has read its data from disk, which may take minutes."""
    said = False
    while True:
        try:
            (reply,) = await router.send(tag, [("PING",)])
        except ConnectionError:
            return  # the first real command repeats, and says what is wrong
        if not isinstance(reply, RedisReplyError) or reply.code != "LOADING":
            return
        if not said:
            logger.info("Redis is loading its data; waiting for it")
            said = True
        await asyncio.sleep(0.1)


async def _json(router: Router, key: str, tag: str) -> None:
    try:
        await router.command(tag, "JSON.GET", key, "$")
    except RedisReplyError as error:
        if "unknown command" in str(error):
            raise ConfigurationError(f"this server has no JSON; {_WHICH}") from None
        raise


async def _info(router: Router, tag: str, section: str) -> dict[str, str]:
    raw: bytes = await router.command(tag, "INFO", section)
    return dict(line.split(":", 1) for line in raw.decode(errors="replace").splitlines() if ":" in line)


async def _eviction(router: Router, tag: str) -> None:
    try:
        policy = (await _info(router, tag, "memory")).get("maxmemory_policy", "noeviction")
    except RedisReplyError as error:
        if error.code != "NOPERM":
            raise
        logger.warning("the Redis user may not run INFO; make sure that maxmemory-policy is noeviction")
        return
    if policy != "noeviction":
        raise ConfigurationError(
            f"Redis would delete live sessions to save memory; set its maxmemory-policy to noeviction (it is {policy})"
        )


async def _disk(router: Router, tag: str) -> None:
    found: dict[bytes, bytes] = await router.command(tag, "CONFIG", "GET", "append*")
    if found.get(b"appendonly") != b"yes" or found.get(b"appendfsync") != b"always":
        raise ConfigurationError(
            "UNBROKEN_ACK=disk needs a Redis that syncs every write; set appendonly to yes and appendfsync to always"
        )


async def _replicas(router: Router, tag: str, needed: int) -> None:
    connected: int = await router.command(tag, "WAIT", 0, 1)
    if connected < needed:
        logger.warning(
            "UNBROKEN_ACK=replica waits for %d replicas, but %d are connected; no message is accepted until they are",
            needed,
            connected,
        )


async def _partitions(router: Router, settings: Settings, keys: Keys) -> Keys:
    """Records the number of partitions at the first start, and keeps to it: each key's name depends on it."""
    ours = str(len(keys.tags))
    stored: bytes | None = await router.command(keys.meta, "HGET", keys.meta, "partitions")
    if stored is None:
        await router.command(keys.meta, "HSETNX", keys.meta, "partitions", ours)
        stored = await router.command(keys.meta, "HGET", keys.meta, "partitions")
    if stored is None or stored.decode() == ours:
        return keys
    if settings.partitions is None:
        return Keys(settings.prefix, int(stored))
    raise ConfigurationError(
        f"this deployment was started with {stored.decode()} partitions; set UNBROKEN_PARTITIONS={stored.decode()}"
        f" (it is {ours}), or another UNBROKEN_PREFIX for a new one"
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
