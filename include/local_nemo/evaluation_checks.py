"""What the plans of tasks and of metrics have in common: problems that name a field, checks, templates of requests."""

from collections.abc import Mapping
from typing import Any

from include.local_nemo.evaluation_templates import Render, compile_template

SAMPLING = ("max_tokens", "temperature", "top_p", "stop")


class PlanProblem(ValueError):  # noqa: N818
    """A config that cannot be run; `field` is the path inside the request body, as a validation error names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def check_model(model: object, field: str) -> None:
    """Raise PlanProblem unless `model` is a name or an object with `api_endpoint.url` and `.model_id`."""
    if isinstance(model, str) and model:
        return
    api = model.get("api_endpoint") if isinstance(model, dict) else None
    told = [api.get(name) for name in ("url", "model_id")] if isinstance(api, dict) else []
    if not told or not all(isinstance(text, str) and text for text in told):
        raise PlanProblem(field, "needed: a model name, or api_endpoint with url and model_id")


def check_positive(value: object, field: str) -> int | None:
    """Return a whole number of at least 1, or None if there is none; raise PlanProblem for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PlanProblem(field, "a whole number of at least 1 is needed")
    return value


def request_body(
    template: Mapping[str, Any], sampling: Mapping[str, Any], where: str, *, as_json: bool = True
) -> Render:
    """Compile the body of a request to a model from its template and the parameters of sampling."""
    render = compile_template({**sampling, **template}, as_json=as_json, where=where)
    # A template may yield null for a row without tools; the key is then left out, as a client would leave it
    # out.
    return lambda row: {key: value for key, value in render(row).items() if value is not None}
