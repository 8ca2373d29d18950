"""How many files and sockets this process may have open at once."""

from __future__ import annotations

import contextlib
import logging
import resource

LOW = 4096
"""A limit below this is worth a warning: each connection and each call of a model needs a descriptor."""

_ENOUGH = 65_536
"""More is not asked for: some systems say that there is no limit, and then refuse to set a high one."""


def limit() -> int:
    """The limit as it is now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def raise_limit(logger: logging.Logger) -> None:
    """Raises the soft limit towards the hard one, and warns if that leaves few.

    Systems keep the soft limit low for programs that cannot deal with many descriptors. This one can.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    while wanted > limit():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        wanted //= 2
    if limit() < LOW:
        logger.warning(
            "this process may have only %d files and sockets open; raise that (`ulimit -n`, systemd: LimitNOFILE=)",
            limit(),
        )
