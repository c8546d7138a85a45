"""Serving the three apps: sockets, one event loop, a stop within seconds."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from include.local_nemo.faults import TRANSPORT
from include.local_nemo.platform import Platform

SHUTDOWN_SECONDS = 1
"""Requests that still run get this long when the platform stops."""
BACKLOG = 1024


class PortInUse(Exception):  # noqa: N818
    """Another process listens where the platform was told to."""


def bind(platform: Platform) -> dict[str, socket.socket]:
    """Take the three ports, tell the platform its urls, write `<state_dir>/ports.json`; return the sockets.

    Raises `PortInUse` with a sentence that names the service and the port.
    """
    settings = platform.settings
    wanted = {"nemo": settings.nemo_port, "nim": settings.nim_port, "data_store": settings.datastore_port}
    sockets: dict[str, socket.socket] = {}
    for name, port in wanted.items():
        # The protocol must be named: asyncio turns Nagle's algorithm off only then, and it costs 40 ms an answer.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            for one in (listener, *sockets.values()):
                one.close()
            raise PortInUse(
                f"The {name} service cannot listen on {settings.host}:{port} ({error.strerror}): "
                f"stop what uses the port or choose another one."
            ) from error
        sockets[name] = listener
    ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
    urls = {name: f"http://{settings.host}:{port}" for name, port in ports.items()}
    platform.nemo_url, platform.nim_url, platform.datastore_url = (
        urls["nemo"],
        urls["nim"],
        urls["data_store"],
    )
    _write(settings.state_dir / "ports.json", orjson.dumps(ports))
    return sockets


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


class Protocol(H11Protocol):
    """Speak HTTP, and show each request its connection, so that a fault can drop it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the app for this connection."""
        super().connection_made(transport)
        app: ASGIApp = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[TRANSPORT] = transport
            await app(scope, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever started it: three of them share one process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    apps: Mapping[str, FastAPI], sockets: Mapping[str, socket.socket], stop: asyncio.Event
) -> None:
    """Serve every app on its socket until `stop` is set; return when all have closed."""
    servers = [
        _Server(
            uvicorn.Config(
                apps[name],
                http=Protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        for name in sockets
    ]

    async def end() -> None:
        await stop.wait()
        for server in servers:
            server.should_exit = True

    async with asyncio.TaskGroup() as group:
        for server, listener in zip(servers, sockets.values(), strict=True):
            group.create_task(server.serve([listener]))
        group.create_task(end())
