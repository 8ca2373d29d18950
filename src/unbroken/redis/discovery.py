"""Finds out what kind of deployment an address belongs to."""

from __future__ import annotations

from unbroken.errors import ConfigurationError
from unbroken.redis.address import Address
from unbroken.redis.checks import explain
from unbroken.redis.cluster import Cluster
from unbroken.redis.dial import Dialer, Greeting
from unbroken.redis.sentinel import Sentinels
from unbroken.redis.topology import Fixed, Node, Topology
from unbroken.redis.wire import RedisReplyError


async def discover(address: Address, dialer: Dialer) -> Topology:
    """The topology of a deployment, which knows its primaries already; close it in the end.

    Raises:
        ConfigurationError: nobody is there, or it is not what the address says; one sentence that says what to do.
    """
    if address.service:
        asks = Dialer(address.sentinel_url, dialer.timeout, "Sentinel")
        sentinels = Sentinels(dialer, asks, address.nodes, address.service)
        await _started(sentinels, asks, address.nodes[0])
        return sentinels
    node, greeting = await _greeted(address, dialer)
    if greeting.mode == "sentinel":
        raise ConfigurationError(
            f"REDIS_URL points to a Sentinel; write redis+sentinel://{dialer.describe(node)}/name, with the name that "
            "it has for the primary"
        )
    if greeting.mode == "cluster":
        if not address.nodes:
            raise ConfigurationError("a cluster is not reached by a unix socket; set REDIS_URL to redis://host:port")
        cluster = Cluster(dialer, address.nodes)
        await _started(cluster, dialer, node)
        return cluster
    if len(address.nodes) > 1:
        raise ConfigurationError(
            f"REDIS_URL has several servers, but {node} is not part of a cluster; name one, or write redis+sentinel://"
        )
    return Fixed()


async def _greeted(address: Address, dialer: Dialer) -> tuple[Node, Greeting]:
    """The first server that answers."""
    failures: list[ConfigurationError] = []
    for node in address.nodes or (Node(),):
        try:
            wire, greeting = await dialer.dial(node, "unbroken", any_role=True)
        except ConnectionError as error:
            failures.append(explain(error, dialer, node))
        else:
            await wire.close()
            return node, greeting
    raise failures[0]


async def _started(topology: Sentinels | Cluster, asks: Dialer, first: Node) -> None:
    try:
        await topology.start()
    except (ConnectionError, RedisReplyError) as error:
        await topology.close()
        raise explain(error if isinstance(error, ConnectionError) else ConnectionError(error), asks, first) from None
    except BaseException:
        await topology.close()
        raise
