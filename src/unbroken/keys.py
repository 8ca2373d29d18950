"""Every key, channel and hash tag of a deployment.

All keys of a session, and the ready stream of its partition, share one hash tag: a script touches one
slot, on standalone as on a cluster. The tags cut the 16,384 slots into equal slices and name the centre
of each, so that any even split of a cluster's slots over its masters is an even split of partitions.
"""

from __future__ import annotations

import binascii
import zlib
from functools import cache
from itertools import product
from string import ascii_lowercase, digits
from typing import NamedTuple

SLOTS = 16384
GROUP = "workers"
"""The consumer group of every ready stream."""


def slot(key: str) -> int:
    """The cluster slot of a key, by its hash tag if it has one."""
    start = key.find("{")
    end = key.find("}", start + 1)
    if start >= 0 and end > start + 1:
        key = key[start + 1 : end]
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


@cache
def tags(partitions: int) -> tuple[str, ...]:
    """The hash tags of a deployment with so many partitions, one at the centre of each slice of slots."""
    width = SLOTS // partitions
    best: dict[int, tuple[int, str]] = {}
    for length in (1, 2, 3):
        for letters in product(digits + ascii_lowercase, repeat=length):
            tag = "".join(letters)
            part, offset = divmod(slot(tag), width)
            distance = abs(offset - width // 2)
            if part < partitions and (part not in best or distance < best[part][0]):
                best[part] = (distance, tag)
    return tuple(best[part][1] for part in range(partitions))


class PartitionKeys(NamedTuple):
    """What the sessions of one partition share."""

    tag: str
    ready: str
    """Stream with group `workers`: one entry for each session that has work."""
    dead: str
    """Stream: messages that were given up, newest last."""
    control: str
    """Channel: cancellations, for the workers."""


class SessionKeys(NamedTuple):
    """What one session owns. `owned` expire together; the first seven are the KEYS of every script."""

    doc: str
    """JSON: id, name, session_start, token digest, messages."""
    state: str
    """Hash: last accepted and committed turn, running attempt and epoch, cancel flags."""
    ids: str
    """Hash: client message id → turn id."""
    inbox: str
    """Stream: accepted messages that wait; id = turn id."""
    log: str
    """Stream: what workers said; id = log id."""
    ready: str
    dead: str
    events: str
    """Channel: the same as inbox and log, live."""
    control: str
    tag: str

    @property
    def script(self) -> tuple[str, ...]:
        """The KEYS of every script, in their order."""
        return self[:7]

    @property
    def owned(self) -> tuple[str, ...]:
        """The keys that live and expire with the session."""
        return self[:5]


class Keys:
    """Names the keys of one deployment.

    Args:
        prefix: the first part of every key.
        partitions: fixed for the life of a deployment, a power of two from 1 to 1024.
    """

    def __init__(self, prefix: str = "ub", partitions: int = 16) -> None:
        self.prefix = prefix
        self.tags = tags(partitions)
        self._partitions = [self.partition(tag) for tag in self.tags]

    @property
    def meta(self) -> str:
        """Hash: what may never change in this deployment."""
        return f"{self.prefix}:meta"

    def partition(self, tag: str) -> PartitionKeys:
        """The shared keys of one partition."""
        base = f"{self.prefix}:{{{tag}}}"
        return PartitionKeys(tag, f"{base}:ready", f"{base}:dead", f"{base}:control")

    def session(self, session_id: str) -> SessionKeys:
        """The keys of one session, all in the slot of its partition."""
        tag, ready, dead, control = self._partitions[zlib.crc32(session_id.encode()) % len(self._partitions)]
        doc = f"{self.prefix}:{{{tag}}}:s:{session_id}"
        return SessionKeys(
            doc, doc + ":state", doc + ":ids", doc + ":inbox", doc + ":log", ready, dead, doc + ":events", control, tag
        )
