"""Reading requests of the inference API, and refusing them in the style of vLLM."""

from typing import Any, TypeVar

from fastapi.responses import JSONResponse, Response

from include.local_nemo.served_models import Served, ServedModels
from include.local_nemo.wire import BadJson, Document, read_object

Kind = TypeVar("Kind")


class Refusal(Exception):  # noqa: N818
    """A request that is answered with an error in the style of vLLM, whose server NIMs contain."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param

    def response(self) -> Response:
        """Return the error as on the wire."""
        kinds = {404: "NotFoundError", 500: "InternalServerError"}
        body = {
            "object": "error",
            "message": self.message,
            "type": kinds.get(self.status, "BadRequestError"),
            "param": self.param,
            "code": self.status,
        }
        return JSONResponse(body, self.status)


def read_body(raw: bytes) -> Document:
    """Return the body of a request; raise `Refusal` for anything but a JSON object."""
    try:
        return read_object(raw)
    except BadJson as error:
        raise Refusal(400, str(error)) from error


def find_model(models: ServedModels, name: Any) -> Served:
    """Return what is served by this name; raise `Refusal`."""
    if not isinstance(name, str) or not name:
        raise Refusal(400, "model is required", "model")
    served = models.all().get(name)
    if served is None:
        raise Refusal(404, f"The model `{name}` does not exist.")
    return served


def read_option(body: Document, name: str, kind: type[Kind], least: int | None = None) -> Kind | None:
    """Return an optional field; `None` where it is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Refusal(400, f"{name} must be of type {kind.__name__}", name)
    if least is not None and isinstance(value, int) and value < least:
        raise Refusal(400, f"{name} must be at least {least}, got {value}", name)
    return value
