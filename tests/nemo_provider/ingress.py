"""A gateway in front of the platform, as installations have one: TLS, and answers of its own while the platform works."""

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "date", "server"}


class Ingress(ThreadingHTTPServer):
    """Forward requests to ``upstream``.

    The first request of ``gives_up_on`` (method and path) is answered with 504 at once and forwarded all the same, after
    as many GETs of that path as ``late_by``: what a gateway does whose patience is shorter than the service's work.
    ``credentials`` are the Authorization headers that it saw, ``methods`` those of the requests.
    """

    daemon_threads = True

    def __init__(
        self,
        upstream: str,
        gives_up_on: tuple[str, str] | None = None,
        late_by: int = 0,
        tls: Path | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self.gives_up_on, self.late_by = upstream, gives_up_on, late_by
        self.credentials: list[str | None] = []
        self.methods: set[str] = set()
        self.held: tuple[bytes, dict[str, str]] | None = None
        self.lock = threading.Lock()
        self.scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.request(
            method, self.upstream + path, data=body, headers=headers, allow_redirects=False, timeout=10
        )

    def gives_up(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bool:
        """Say whether to answer with 504; forward what was held when its time has come."""
        with self.lock:
            if (method, path) == self.gives_up_on:
                self.gives_up_on, self.held = None, (body, headers)
                self.held_path = path
                return True
            if self.held and method == "GET" and path.partition("?")[0] == self.held_path:
                if self.late_by:
                    self.late_by -= 1
                else:
                    held, self.held = self.held, None
                    self.forward("POST", self.held_path, *held)
        return False


class _Handler(BaseHTTPRequestHandler):
    server: Ingress
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
        }
        self.server.methods.add(self.command)
        self.server.credentials.append(self.headers.get("Authorization"))
        if self.server.gives_up(self.command, self.path, body, headers):
            self.answer(504, {}, b"<html>Gateway Time-out</html>")
            return
        answer = self.server.forward(self.command, self.path, body, headers)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        self.answer(answer.status_code, kept, answer.content)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = forward  # noqa: N815

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output to what is tested."""


@contextmanager
def ingress(upstream: str, **settings: Any) -> Iterator[Ingress]:
    """Run a gateway on a free loopback port."""
    with Ingress(upstream, **settings) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def certificate(folder: Path) -> Path:
    """Write a file with a key and a certificate for 127.0.0.1 that is its own authority; return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ingress")])
    today = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "ingress.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path
