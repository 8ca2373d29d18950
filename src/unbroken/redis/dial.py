"""Opening connections: redis-py connects and logs in, then a `Wire` takes over its transport.

So URL parsing, TLS, ACL users and credential providers stay redis-py's work. The hand-over reaches into redis-py's
private attributes, which is why its version is pinned and a contract test watches them; should it fail all the same, a
plain `HELLO 3 AUTH` does for everything but credential providers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from weakref import WeakSet

from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from unbroken.errors import ConfigurationError
from unbroken.redis.address import UNREADABLE
from unbroken.redis.gate import Gate
from unbroken.redis.topology import Node
from unbroken.redis.wire import LossHandler, PushHandler, RedisReplyError, Wire

logger = logging.getLogger("unbroken.redis")

_LOGIN_ERRORS = (AuthenticationError, AuthorizationError, NoPermissionError)


class LoginRefused(ConnectionError):
    """User name or password are wrong, or missing."""


class NotPrimary(ConnectionError):
    """The server is a replica, which takes no writes."""


class Greeting(NamedTuple):
    """What a server says about itself.

    Attributes:
        connection: the number that this connection has there.
        product: `redis` or `valkey`.
        mode: `standalone`, `cluster` or `sentinel`.
        role: `master` or `replica`.
    """

    connection: int
    product: str
    version: str
    mode: str
    role: str

    @classmethod
    def parse(cls, reply: Mapping[bytes, Any]) -> Greeting:
        """Reads the reply to HELLO. A proxy that leaves something out is taken for a standalone primary."""

        def word(key: bytes, default: bytes) -> str:
            found: bytes = reply.get(key, default)
            return found.decode(errors="replace")

        return cls(
            int(reply.get(b"id", 0)),
            word(b"server", b"redis"),
            word(b"version", b"0"),
            word(b"mode", b"standalone"),
            word(b"role", b"master"),
        )


class Dialer:
    """Opens connections to one deployment.

    Args:
        address: a redis://, rediss:// or unix:// URL with its credentials. They are the same for all nodes.
        timeout: seconds for connecting and logging in; also how long a reply may take later.
        kind: what the servers are called in the log.

    Attributes:
        patience: seconds that a reply may take.
        timeout: seconds for connecting and logging in; may be changed.

    Raises:
        ConfigurationError: the address cannot be read.
    """

    def __init__(self, address: str, timeout: float, kind: str = "Redis") -> None:
        self.patience = self.timeout = timeout
        self.kind = kind
        try:
            self._pool = ConnectionPool.from_url(
                address, maint_notifications_config=MaintNotificationsConfig(enabled=False)
            )
            # Whatever the URL says: retries, probes and deadlines are ours from the hand-over on.
            self._options: dict[str, Any] = self._pool.connection_kwargs | {
                "protocol": 3,
                "decode_responses": False,
                "retry": Retry(NoBackoff(), 0),
                "retry_on_timeout": False,
                "health_check_interval": 0,
            }
            self._pool.connection_class(**self._options)
        except (TypeError, ValueError, RedisError):
            # The text of the error may hold the address, and with it the password.
            raise ConfigurationError(UNREADABLE) from None
        self._gates: defaultdict[Node, Gate] = defaultdict(Gate)
        self._wires: defaultdict[Node, WeakSet[Wire]] = defaultdict(WeakSet)
        self._dials: defaultdict[Node, set[asyncio.Timeout]] = defaultdict(set)
        self._outages: dict[Node, tuple[float, set[type[ConnectionError]]]] = {}

    @property
    def has_login(self) -> bool:
        """Whether the address holds any credentials."""
        return any(self._options.get(key) for key in ("username", "password", "credential_provider"))

    def describe(self, node: Node) -> str:
        """Where a node is, without credentials."""
        if node.host:
            return str(node)
        options = self._options
        return str(options["path"] if "path" in options else f"{options.get('host')}:{options.get('port', 6379)}")

    async def dial(
        self,
        node: Node,
        name: str,
        *,
        patience: float | None = None,
        probe: float = 10.0,
        on_push: PushHandler | None = None,
        on_lost: LossHandler | None = None,
        any_role: bool = False,
    ) -> tuple[Wire, Greeting]:
        """Opens a connection to a primary, or with `any_role` to whatever it is. CLIENT LIST shows its name.

        The other options are those of `Wire`. While a node cannot be reached, one dial at a time tries it, and the
        others share its failure.

        Raises:
            LoginRefused, NotPrimary: the server is there, but not for us.
            ConnectionError: the server cannot be reached, or does not answer in time.
        """
        async with self._gates[node].attempt():
            wire = Wire(patience=self.timeout, probe=probe, on_push=on_push, on_lost=on_lost)
            timeout = asyncio.timeout(self.timeout)
            try:
                async with timeout:
                    self._dials[node].add(timeout)
                    await self._connect(node, wire)
                    hello, _ = await wire.batch((("HELLO",), ("CLIENT", "SETNAME", name)))
                    if isinstance(hello, RedisReplyError):
                        raise ConnectionError(str(hello))
                    greeting = Greeting.parse(hello)
                    if greeting.role != "master" and not any_role:
                        raise NotPrimary(f"{self.describe(node)} is a {greeting.role}")
            except TimeoutError:
                wire.abort("it did not answer in time")
                raise ConnectionError(f"{self.describe(node)} did not answer within {self.timeout:g} s") from None
            except BaseException:
                wire.abort("it is of no use")
                raise
            finally:
                self._dials[node].discard(timeout)
        wire.patience = patience or self.patience
        self._wires[node].add(wire)
        return wire, greeting

    def abandon(self, node: Node, reason: str) -> None:
        """Drops every connection to a node that owns nothing any more, also those that are being dialled.

        Whoever waits for a reply asks the new owner, even if the old one is only silent.
        """
        for timeout in self._dials.pop(node, ()):
            if not timeout.expired():
                timeout.reschedule(0)
        for wire in self._wires.pop(node, ()):
            wire.abort(reason)

    async def _connect(self, node: Node, wire: Wire) -> None:
        options = self._options | {"socket_timeout": self.timeout, "socket_connect_timeout": self.timeout}
        if node.host:
            options |= {"host": node.host, "port": node.port}
        connection: Any = self._pool.connection_class(**options)
        try:
            await connection.connect()
        except (RedisError, OSError, RuntimeError) as error:  # the last from uvloop, when the server hangs up meanwhile
            refused = any(isinstance(cause, _LOGIN_ERRORS) for cause in (error, error.__cause__))
            raise (LoginRefused if refused else ConnectionError)(str(error)) from None
        try:
            hand_over(connection, wire)
        except (AttributeError, TypeError) as error:
            logger.warning("redis-py is not as expected (%s); connecting without it", error)
            await connection.disconnect(nowait=True)
            await _connect_plainly(connection, options, wire)
        except (ConnectionError, RuntimeError) as error:
            await connection.disconnect(nowait=True)
            raise ConnectionError(str(error)) from None

    def lost(self, node: Node, reason: str, kind: type[ConnectionError] = ConnectionError) -> None:
        """Says so in the log, once for all connections that an outage takes away, and once for each kind of trouble."""
        _, kinds = self._outages.setdefault(node, (asyncio.get_running_loop().time(), set()))
        if kind not in kinds:
            kinds.add(kind)
            logger.warning("lost %s at %s: %s", self.kind, self.describe(node), reason)

    def found(self, node: Node) -> None:
        """Says so in the log, if it had been lost."""
        since, _ = self._outages.pop(node, (None, None))
        if since is not None:
            seconds = asyncio.get_running_loop().time() - since
            logger.info("%s at %s is back after %.1f s", self.kind, self.describe(node), seconds)


def hand_over(connection: Any, wire: Wire) -> None:
    """Gives the transport of a connected redis-py connection to a wire. redis-py forgets it without closing it.

    Raises:
        AttributeError, TypeError: this redis-py keeps its transport somewhere else; nothing was changed.
        ConnectionError: the server hung up meanwhile.
    """
    reader: asyncio.StreamReader | None = connection._reader
    writer: asyncio.StreamWriter | None = connection._writer
    parser = connection._parser
    if reader is None or writer is None or reader.at_eof() or reader.exception() is not None:
        raise ConnectionError("the server hung up after the login")
    transport = cast("asyncio.Transport", writer.transport)
    received = bytes(reader._buffer)  # type: ignore[attr-defined]
    if parser._reader.has_data():
        raise TypeError("its parser holds half a reply")
    transport.pause_reading()
    connection._reader = connection._writer = None
    parser.on_disconnect()
    wire.adopt(transport, received, (reader, writer))
    if not transport.is_closing():
        transport.resume_reading()


async def _connect_plainly(connection: Any, options: Mapping[str, Any], wire: Wire) -> None:
    loop = asyncio.get_running_loop()
    if "path" in options:
        await loop.create_unix_connection(lambda: wire, options["path"])
    else:
        tls = connection.ssl_context.get() if hasattr(connection, "ssl_context") else None
        await loop.create_connection(lambda: wire, options.get("host", "localhost"), options.get("port", 6379), ssl=tls)
    password = options.get("password")
    try:
        await wire.call("HELLO", "3", *(("AUTH", options.get("username") or "default", password) if password else ()))
        await wire.call("SELECT", str(options.get("db", 0)))
    except RedisReplyError as error:
        raise LoginRefused(str(error)) from None
