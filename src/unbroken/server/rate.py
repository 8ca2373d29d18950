"""A token bucket for each client address, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network


class Rate:
    """Lets each address do something so often a minute, with a burst of as many.

    When more addresses come than are remembered, the one that was quiet for longest is forgotten.

    Args:
        per_minute: how often; 0 for no limit.
        addresses: most addresses that are remembered.
        clock: seconds, never going back.
    """

    def __init__(self, per_minute: int, addresses: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = per_minute
        self._addresses = addresses
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Takes one token of the address. Returns 0, or the seconds until there is one again."""
        if not self._burst:
            return 0.0
        place, now = _place(address), self._clock()
        tokens, since = self._buckets.pop(place, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._burst / 60)
        allowed = tokens >= 1
        self._buckets[place] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) * 60 / self._burst


def _place(address: str) -> str:
    # Whoever has one IPv6 address usually has the other 2^64 of its network too.
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed, 64), strict=False))
    return address
