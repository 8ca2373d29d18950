"""Reads REDIS_URL: one server, several of a cluster, or Sentinels that know where the server is."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

from unbroken.errors import ConfigurationError
from unbroken.redis.topology import Node

UNREADABLE = (
    "REDIS_URL cannot be read; write redis://user:password@host:port/0, rediss:// for TLS, unix:///path, "
    "or redis+sentinel://host:port,host:port/name"
)

_URL = re.compile(r"(?P<scheme>[a-z]+)(?P<sentinel>\+sentinel)?://(?P<host>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>.*))?")
_HOST = re.compile(r"(?:\[(?P<ip6>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\],]+))(?::(?P<port>[0-9]{1,5}))?")
_PORT = 6379
_SENTINEL_PORT = 26379


class Address(NamedTuple):
    """Where Redis is.

    Attributes:
        url: for redis-py: its login, TLS and further options; of several servers it names the first.
        nodes: the servers, or the Sentinels; none for a unix socket.
        service: what the Sentinels call the primary; empty without Sentinels.
        sentinel_url: for redis-py: login and TLS of the Sentinels.
    """

    url: str
    nodes: tuple[Node, ...]
    service: str = ""
    sentinel_url: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Takes an address apart. Options are left to redis-py, but for `sentinel_username` and `sentinel_password`.

        Raises:
            ConfigurationError: it cannot be read. Not a part of it is repeated, since it may hold a password.
        """
        found = _URL.fullmatch(url)
        if found is None:
            raise ConfigurationError(UNREADABLE)
        scheme, path, query = found["scheme"], found["path"], found["query"]
        if scheme == "unix":
            return cls(url, ())
        login, at, hosts = found["host"].rpartition("@")
        nodes = tuple(_node(host, _SENTINEL_PORT if found["sentinel"] else _PORT) for host in hosts.split(","))
        first = _written(nodes[0])
        if not found["sentinel"]:
            return cls(f"{scheme}://{login}{at}{first}{path}" + (f"?{query}" if query else ""), nodes)
        service, _, db = path.strip("/").partition("/")
        if not service:
            raise ConfigurationError(
                "REDIS_URL does not say what the Sentinels call the primary; write redis+sentinel://host:port/name"
            )
        options = dict(parse_qsl(query or ""))
        own = {name: options.pop(name, "") for name in ("sentinel_username", "sentinel_password")}
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
        user, password = (quote(value, safe="") for value in own.values())
        sentinel_login = f"{user}:{password}@" if password else ""
        return cls(
            f"{scheme}://{login}{at}{first}/{db}?{urlencode(options)}",
            nodes,
            unquote(service),
            f"{scheme}://{sentinel_login}{first}?{urlencode(tls)}",
        )


def _node(text: str, port: int) -> Node:
    found = _HOST.fullmatch(text)
    if found is None:
        raise ConfigurationError(UNREADABLE)
    return Node(found["ip6"] or unquote(found["host"]), int(found["port"] or port))


def _written(node: Node) -> str:
    return f"[{node.host}]:{node.port}" if ":" in node.host else f"{quote(node.host)}:{node.port}"
