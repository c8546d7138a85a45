"""Services that have a URL and a key of their own instead of an Airflow connection."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.hooks.wire import Wire, header_text


@dataclass(frozen=True)
class UrlWire(Wire):
    """Hold how to reach a service that has no connection: its credential comes from the caller."""

    @property
    def address_source(self) -> str:
        """Say where the address comes from."""
        return "the url of this model"

    @property
    def credential(self) -> str:
        """Say which credential was sent."""
        return (
            f"The key from {self.source} was refused" if self.password else f"No key was found: {self.source}"
        )


def wire_of_url(url: str, api_key: str | None, key_source: str, retries: int) -> UrlWire:
    """Return the way to the host of a URL; ``key_source`` says where the key comes from, or was looked for."""
    parts = urlsplit(url)
    key = header_text(api_key or "", f"The key from {key_source}")
    base_url = f"{parts.scheme}://{parts.netloc}"
    return UrlWire(key_source, base_url, password=key or None, retries=retries, retry_wait=1.0)


def endpoint_of_url(url: str, wire: Wire) -> Endpoint:
    """Return the call that is a POST to a URL."""
    path = url.removeprefix(wire.base_url)
    return Endpoint("POST", path.replace("{", "{{").replace("}", "}}"))
