"""Calls of the Evaluator to a model: the one under evaluation, or a judge."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 8.0
LONGEST_REASON = 300


class EndpointProblem(Exception):  # noqa: N818
    """A model endpoint gave no answer; the text says why, without keys and without what was asked.

    `hopeless`: the next call would meet the same (nobody listens, wrong key, unknown model).
    """

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.hopeless = hopeless


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked: the complete URL of the call, the model's name there, a key if it needs one."""

    url: str
    model_id: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    max_retries: int = 2

    @property
    def place(self) -> str:
        """Return the address as it may be printed: no user, no query, both can carry secrets."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"

    def ask(
        self, client: httpx.Client, body: Mapping[str, Any], cancelled: threading.Event
    ) -> dict[str, Any]:
        """POST the body and return the answer, a JSON object with at least one entry in `choices`.

        Repeats what is worth repeating (a broken connection, 408, 429, 5xx) `max_retries` times and keeps to
        `Retry-After`. Raises EndpointProblem.
        """
        content = orjson.dumps({"model": self.model_id, **body})
        headers = {"Content-Type": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        for attempt in range(self.max_retries + 1):
            wait = min(FIRST_WAIT_SECONDS * 2**attempt, LONGEST_WAIT_SECONDS)
            try:
                response = client.post(self.url, content=content, headers=headers, timeout=self.timeout)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise EndpointProblem("the endpoint's url is no http(s) address", hopeless=True) from error
            except httpx.HTTPError as error:
                nobody = isinstance(error, httpx.ConnectError)
                problem = EndpointProblem(f"{self.place}: {type(error).__name__}", hopeless=nobody)
            else:
                if response.is_success:
                    return self._answer(response)
                problem = self._refusal(response)
                if response.status_code not in RETRY_STATUSES:
                    raise problem
                wait = _retry_after(response) or wait
            if attempt == self.max_retries or cancelled.wait(wait):
                break
        raise problem

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise EndpointProblem(f"{self.place}: the answer is not JSON") from error
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise EndpointProblem(f"{self.place}: the answer has no choices")
        return answer

    def _refusal(self, response: httpx.Response) -> EndpointProblem:
        text = f"{self.place}: HTTP {response.status_code}"
        said = _message(response)
        if self.api_key:
            said = said.replace(self.api_key, "***")
        hopeless = response.status_code in (401, 403, 404, 405)
        return EndpointProblem(f"{text}: {said}" if said else text, hopeless=hopeless)


def _message(response: httpx.Response) -> str:
    """Return the error text of the common body shapes; validation lists are left out, they quote the input."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(body, dict):
        return ""
    for name in ("message", "detail", "error", "title"):
        said = body.get(name)
        if isinstance(said, dict):
            said = said.get("message")
        if isinstance(said, str):
            return said[:LONGEST_REASON]
    return ""


def _retry_after(response: httpx.Response) -> float | None:
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds <= 60 else None


def endpoint_for(
    model: object, *, nim_url: str, nim_token: str | None, call: str, timeout: float, max_retries: int
) -> Endpoint:
    """Return where a config's `model` is asked: a name on the NIM proxy, or an object with `api_endpoint`.

    `call` is the path of the call below `/v1`, e.g. `chat/completions`; an `api_endpoint.url` is complete
    already.
    """
    if isinstance(model, dict):
        api = model["api_endpoint"]
        return Endpoint(
            str(api["url"]), str(api["model_id"]), api.get("api_key") or None, timeout, max_retries
        )
    return Endpoint(f"{nim_url}/v1/{call}", str(model), nim_token, timeout, max_retries)
