"""Which server owns a partition.

The router and the subscriptions ask here and never know what kind of deployment they run on. `Fixed` is one address;
`sentinel` and `cluster` have the others.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from unbroken.errors import ConfigurationError


class Node(NamedTuple):
    """A server. An empty host stands for the configured address, whatever kind of address that is."""

    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if host else "the configured address"


PARTITIONS = 16
"""How many a deployment with one primary has, unless its settings say so."""


class Topology(Protocol):
    """Knows the primaries and what each of them owns.

    Attributes:
        partitions: how many a new deployment gets, unless its settings say so.
        one_primary: whether one owns everything, so that one command may name keys of several tags.
    """

    partitions: int
    one_primary: bool

    def node(self, tag: str) -> Node:
        """The primary that owns a hash tag, as far as is known."""

    def moved(self, slot: int, node: Node) -> None:
        """Learns from a redirection that a slot has another owner.

        Raises:
            ConfigurationError: such a deployment is not supported.
        """

    async def refresh(self) -> None:
        """Looks again, once for all who ask meanwhile. It never raises: a failure shows at the next try."""

    async def close(self) -> None:
        """Ends the looking."""


class Fixed:
    """One server at one address: nothing to learn, nothing to refresh."""

    partitions = PARTITIONS
    one_primary = True
    _NODE = Node()

    def node(self, tag: str) -> Node:
        """The configured address, for every tag."""
        return self._NODE

    def moved(self, slot: int, node: Node) -> None:
        """Refuses: only clusters redirect.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("this Redis has become part of a cluster; start this process again")

    async def refresh(self) -> None:
        """Does nothing: a name that resolves anew is resolved by the next connection."""

    async def close(self) -> None:
        """Does nothing."""
