"""Our own servers are reached whatever proxies the environment names."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from commands.loopback import get_json, past_proxies

ROOT = Path(__file__).resolve().parents[2]
#: Nobody listens on port 9: whatever goes through this proxy fails.
PROXY = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), PROXY)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_commands_own_requests_use_no_proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, url in PROXIES.items():
        monkeypatch.setenv(name, url)
    assert get_json(f"{server}/health") == {"path": "/health"}


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_what_the_commands_start_uses_no_proxy_for_this_machine(server: str, library: str) -> None:
    code = f"import sys, {library} as library; print(library.get(sys.argv[1]).json())"
    env = past_proxies(PROXIES)
    for address in (server, server.replace("127.0.0.1", "localhost")):
        asked = subprocess.run(
            [sys.executable, "-c", code, address], env=env, capture_output=True, text=True, timeout=60
        )
        assert asked.stdout.strip() == "{'path': '/'}", asked.stderr


@pytest.mark.parametrize(
    ("given", "excepted"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"no_proxy": ""}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": ".corp, localhost"}, ".corp,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": ".corp", "no_proxy": "10.0.0.0/8"}, "10.0.0.0/8,.corp,127.0.0.1,localhost,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_what_the_user_excepted_from_proxies_stays_excepted(given: dict[str, str], excepted: str) -> None:
    assert past_proxies({"HTTP_PROXY": PROXY, **given}) == {
        "HTTP_PROXY": PROXY,
        "NO_PROXY": excepted,
        "no_proxy": excepted,
    }


def test_nobody_there_is_no_answer() -> None:
    assert get_json("http://127.0.0.1:9/health") is None
