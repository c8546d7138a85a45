"""The optional bearer mode: a platform behind a gateway that wants a token."""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from include.local_nemo import health, hub_lfs


class BearerMiddleware:
    """Let only requests with the right `Authorization: Bearer …` through.

    Open to all: health checks, which gateways answer without credentials, and signed upload addresses, to
    which clients send none.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on."""
        if scope["type"] != "http" or _is_open(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self._token.encode()):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse({"detail": "Unauthorized"}, 401, {"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)


def _is_open(method: str, path: str) -> bool:
    return path in health.PATHS or (method == "PUT" and path.startswith(f"{hub_lfs.OBJECTS}/"))
