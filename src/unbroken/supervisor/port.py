"""The port to listen on, found out before anything is started."""

from __future__ import annotations

import errno
import socket

from unbroken.errors import ConfigurationError


def free_port(host: str, port: int) -> int:
    """The port if it is free on this host; for 0 one that is.

    Raises:
        ConfigurationError: it is taken, or this machine cannot listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                reason = f"port {port} is in use already; stop what listens there, or choose another one with --port"
            case errno.EACCES:
                reason = f"port {port} may not be used by this user; choose one above 1023 with --port"
            case _:
                reason = f"this machine cannot listen on {host} ({error.strerror}); choose another address with --host"
        raise ConfigurationError(reason) from None
