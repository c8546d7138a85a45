"""The HTTP provider's hook for event loops, given a `Wire`."""

from __future__ import annotations

import aiohttp
from airflow.providers.http.hooks.http import HttpAsyncHook, SessionConfig

from nemo_provider.hooks.wire import Wire


class AsyncDoor(HttpAsyncHook):
    """Be the HTTP provider's async hook with a ready ``Wire`` in place of its reading of the connection."""

    def __init__(self, wire: Wire, method: str) -> None:
        super().__init__(method=method, http_conn_id="", retry_limit=1)
        self._wire = wire
        connect, read = wire.timeout
        self.options = {
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read),
            "ssl": wire.tls,
            "proxy": wire.proxy(wire.base_url),
            "allow_redirects": method == "GET",
            "check_response": False,
        }

    async def config(self) -> SessionConfig:
        """Return address, headers and credential."""
        headers = dict(self._wire.headers)
        if self._wire.authorization:
            headers["Authorization"] = self._wire.authorization
        return SessionConfig(base_url=self._wire.base_url, headers=headers, auth=None)
