"""Choose loopback ports."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


class PortInUseError(Exception):
    """The port that the user asked for is taken."""


def free_port(preferred: int = 0) -> int:
    """Return the preferred port if it is free, the next free one after it otherwise (0: any free one)."""
    for port in [*range(preferred, preferred + 20), 0] if preferred else [0]:
        with socket.socket() as probe:
            # As servers do: a port whose last connections are fading is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PortInUseError("No free loopback port was found. Close some programs and try again.")


def asked_port(port: str) -> int:
    """Return the port that the user asked for; raises PortInUseError with a remedy if it cannot be had."""
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise PortInUseError(f"PORT={port} is not a port: give a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(port)))
        except OSError as error:
            raise PortInUseError(
                f"Port {port} cannot be used ({error.strerror}). Choose another, as in `make up PORT={int(port) % 65535 + 1}`, "
                "or leave PORT out: then a free one is taken."
            ) from error
    return int(port)
