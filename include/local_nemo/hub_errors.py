"""Errors in the hub's shape."""

from fastapi import Response
from fastapi.responses import JSONResponse


class HubError(Exception):
    """An answer in the hub's shape: `{"error": …, **more}`, for 404 with the header that names what is missing."""

    def __init__(self, status: int, message: str, code: str | None = None, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.more = more

    def response(self) -> Response:
        """Return what goes over the wire."""
        headers = {"X-Error-Code": self.code} if self.code else None
        return JSONResponse({"error": str(self), **self.more}, self.status, headers)
