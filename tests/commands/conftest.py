"""A server that answers as Airflow does, as far as a test has told it to."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from commands.airflow_api import AirflowApi


class Airflow:
    """What the server knows: answers by path, the one token that is good, and the calls that came."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.token = "token-1"
        self.calls: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, Any]:
        path = path.partition("?")[0]
        if path == "/auth/token":
            return 201, {"access_token": self.token}
        if authorization != f"Bearer {self.token}":
            return 401, {"detail": "Signature has expired"}
        self.calls.append(f"{method} {path}")
        return self.answers.get(path, (404, {"detail": "not found"}))


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    airflow = Airflow()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = airflow.answer(self.command, self.path, self.headers.get("Authorization", ""))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - names of the base class

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        airflow.url = f"http://127.0.0.1:{server.server_port}"
        yield airflow
        server.shutdown()


@pytest.fixture
def api(airflow: Airflow) -> AirflowApi:
    return AirflowApi(airflow.url, "admin", "secret")
