"""What clients see of a fault of the platform itself."""

import logging

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class InternalErrorMiddleware:
    """Answer an unexpected error with 500 in the services' shape, on a connection that stays good."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; if that fails before anything was answered, answer here."""
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if answered or scope["type"] != "http":
                raise
            # Not raised on: the server would close the connection, and a client's next request would fail, too.
            log.exception("%s %s failed", scope["method"], scope["path"])
            await JSONResponse({"detail": "Internal Server Error"}, 500)(scope, receive, send)
