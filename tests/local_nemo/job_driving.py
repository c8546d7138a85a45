"""What the tests of jobs share: datasets in the Data Store, waiting for a status, and an external model endpoint."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any, TypeVar

import httpx

from include.local_nemo.platform import Platform

Json = dict[str, Any]
T = TypeVar("T")

DEADLINE_SECONDS = 30.0
POLL_SECONDS = 0.03


def eventually(read: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Return what `read` gives as soon as `wanted` says so; fail with the last one at the deadline."""
    end = monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not wanted(value := read()):
        assert monotonic() < end, f"still waiting: {value}"
        pause.wait(POLL_SECONDS)
    return value


def nemo(platform: Platform) -> httpx.Client:
    """Return a client of the platform's nemo port."""
    # No TLS on loopback: reading certificates for every client would be most of a test's time.
    return httpx.Client(base_url=platform.nemo_url, timeout=30, verify=False)


def finished(client: httpx.Client, service: str, job_id: str) -> Json:
    """Wait until the job has a final status and return it."""
    return eventually(
        lambda: client.get(f"/v1/{service}/jobs/{job_id}").json(),
        lambda job: job["status"] in ("completed", "failed", "cancelled"),
    )


def write_rows(platform: Platform, repo: str, files: dict[str, list[Any]]) -> None:
    """Commit JSON Lines files to a dataset repository."""
    platform.datastore.commit(
        "dataset",
        repo,
        {path: "".join(json.dumps(row) + "\n" for row in rows).encode() for path, rows in files.items()},
    )


class External:
    """What came in at an external endpoint: bodies and headers, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Json] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def external_model(answer: Callable[[Json], Any]) -> Iterator[External]:
    """Serve an OpenAI-compatible chat endpoint of somebody else on loopback.

    `answer(body)` returns a text, a message object, or a `(status, body)` pair for an error.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.requests.append(body)
            seen.headers.append({name.lower(): value for name, value in self.headers.items()})
            said = answer(body)
            status, content = said if isinstance(said, tuple) else (200, completion(said, body["model"]))
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen = External(f"http://127.0.0.1:{server.server_port}/v1/chat/completions")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


def completion(said: Any, model: str) -> Json:
    """Return a chat completion with a text or a whole message."""
    message = said if isinstance(said, dict) else {"role": "assistant", "content": said}
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def tool_message(*calls: tuple[str, Any]) -> Json:
    """Return an assistant message with tool calls whose arguments are JSON strings."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call-{n}",
                "type": "function",
                "function": {"name": name, "arguments": _as_text(arguments)},
            }
            for n, (name, arguments) in enumerate(calls)
        ],
    }


def _as_text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)
