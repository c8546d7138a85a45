"""Loopback ports: asked for, or any free one."""

import socket

import pytest

from commands.ports import HOST, PortInUseError, asked_port, free_port


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} .*make up PORT="):
            asked_port(str(port))
        assert free_port(port) != port


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(PortInUseError, match="not a port"):
        asked_port(text)
