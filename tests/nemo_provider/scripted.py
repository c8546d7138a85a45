"""A real server that gives scripted answers: refusals, garbage, silence, over TLS if asked."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: Instead of an answer: nothing, until the server is stopped.
SILENCE = (0, None)
Answer = tuple[int, Any]


class Scripted:
    """Where the server is, and the requests that came: method, path, Authorization."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, str | None]] = []


@contextmanager
def scripted(
    answers: Mapping[str, Answer],
    default: Answer = (404, {"detail": "Not Found"}),
    headers: Mapping[str, str] | None = None,
    tls: Path | None = None,
) -> Iterator[Scripted]:
    """Answer each path, without its query, as told: a status and a body, JSON unless it is a text."""
    served, stopped = Scripted(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            served.requests.append((self.command, path, self.headers.get("Authorization")))
            status, body = answers.get(path, default)
            if not status:
                stopped.wait(60)
                return
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        # Shaken hands with in the thread of the request: a client that breaks off must not stop the server.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"{scheme}://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        stopped.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
