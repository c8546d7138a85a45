"""Errors in the hub's shape."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

Kind = TypeVar("Kind", bound=BaseModel)


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


def read_as(kind: type[Kind], body: Mapping[str, Any]) -> Kind:
    """Return a body as `kind` reads it; raise a `HubError` of status 400 that names what is wrong."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HubError(400, f"{where}: {first['msg']}") from None
