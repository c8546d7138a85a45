"""A real HTTP server that embeds, answers as scripted, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class EmbeddingServer:
    """What the server does: `refusals` are statuses of its next answers, `body` replaces the answer to everything."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    refusals: list[int] = field(default_factory=list)
    body: Any = None

    def answer(self, request: dict[str, Any]) -> Any:
        if self.body is not None:
            return self.body
        rows = [
            {"index": index, "embedding": [float(len(text)), float(text.rpartition(" ")[2] or 0) + 1]}
            for index, text in enumerate(request["input"])
        ]
        # Some services do not keep the order of the input.
        return {"object": "list", "data": rows[::-1], "model": request["model"], "usage": {}}


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    """Serve on a free port of loopback."""
    served, lock = EmbeddingServer(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                served.requests.append(request)
                served.keys.add(self.headers.get("Authorization"))
                status = served.refusals.pop(0) if served.refusals else 200
            words = {"error": f"no, {self.headers.get('Authorization')}"}
            content = json.dumps(served.answer(request) if status == 200 else words).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *said: object) -> None:  # type: ignore[override]
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/v1/embeddings"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
