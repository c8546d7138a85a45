"""Faults on purpose: a seeded plan of answers that go wrong and jobs that fail."""

import asyncio
import random
import re
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.local_nemo.store import AlreadyExists, Store

TRANSPORT = "local_nemo.transport"
"""The key in an ASGI scope's extensions under which `server.Protocol` puts the connection."""


class Answer(BaseModel):
    """Answer with this instead of doing the work."""

    model_config = ConfigDict(extra="forbid")
    status: int
    body: Any = None
    headers: dict[str, str] = {}


class Delay(BaseModel):
    """Do the work after so many seconds."""

    model_config = ConfigDict(extra="forbid")
    delay: float


class Rule(BaseModel):
    """Say which requests or jobs a fault hits. `nth` counts matches, from 1; a float is a probability."""

    model_config = ConfigDict(extra="forbid")
    nth: list[int] | Literal["every"] | float = "every"


class RequestRule(Rule):
    """Hit requests. `path` is a regular expression for the whole path; `service` is nemo, nim or data_store.

    Actions: an `Answer`; `lose_answer` does the work and then drops the connection; `reset` drops it
    before; a `Delay`.
    """

    method: str | None = None
    path: str
    service: Literal["nemo", "nim", "data_store"] | None = None
    action: Answer | Delay | Literal["lose_answer", "reset"]


class JobRule(Rule):
    """Make the nth job of a kind fail. `name` is a regular expression for the whole job name."""

    kind: Literal["customization", "evaluation", "deployment"]
    name: str | None = None
    fail: str


PLAN = TypeAdapter(list[RequestRule | JobRule])


class Faults:
    """Decide, the same way for the same plan and seed, what goes wrong.

    Requests are counted from the start of the process. Jobs are counted for good, on disk: a job that is
    started again after a restart keeps its number, and with it its fate.
    """

    def __init__(self, rules: list[RequestRule | JobRule], seed: int, store: Store) -> None:
        self._rules = rules
        self._seed = seed
        self._store = store
        self._counts: dict[int, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | None, seed: int, store: Store) -> "Faults":
        """Read a plan, a JSON list of rules; raise `ValueError` that names the file when it is none."""
        if path is None:
            return cls([], seed, store)
        try:
            return cls(PLAN.validate_python(orjson.loads(path.read_bytes())), seed, store)
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise ValueError(f"{path} is not a plan of faults: {error}") from error

    def request_action(self, service: str, method: str, path: str) -> Answer | Delay | str | None:
        """Return what happens to this request, or None. The first rule that hits decides; all count."""
        action: Answer | Delay | str | None = None
        for index, rule in enumerate(self._rules):
            if not isinstance(rule, RequestRule) or not re.fullmatch(rule.path, path):
                continue
            if rule.method not in (None, method) or rule.service not in (None, service):
                continue
            with self._lock:
                count = self._counts[index] = self._counts.get(index, 0) + 1
            if action is None and self._hits(index, rule, count):
                action = rule.action
        return action

    def job_failure(self, kind: str, name: str) -> str | None:
        """Return the reason why this job fails, or None. Asked again, a name keeps its number."""
        reason: str | None = None
        for index, rule in enumerate(self._rules):
            if not isinstance(rule, JobRule) or rule.kind != kind:
                continue
            if rule.name is not None and not re.fullmatch(rule.name, name):
                continue
            if self._hits(index, rule, self._number(index, name)) and reason is None:
                reason = rule.fail
        return reason

    def _number(self, index: int, name: str) -> int:
        key = f"{index}"
        with suppress(AlreadyExists):
            self._store.insert("fault", key, {"names": []})

        def count(doc: dict[str, Any]) -> None:
            if name not in doc["names"]:
                doc["names"].append(name)

        names: list[str] = self._store.update("fault", key, count)["names"]
        return names.index(name) + 1

    def _hits(self, index: int, rule: Rule, count: int) -> bool:
        if rule.nth == "every":
            return True
        if isinstance(rule.nth, list):
            return count in rule.nth
        return random.Random(f"{self._seed}/{index}/{count}").random() < float(rule.nth)


class FaultsMiddleware:
    """Apply the plan to the requests of one service, before anything else sees them."""

    def __init__(self, app: ASGIApp, faults: Faults, service: str) -> None:
        self._app = app
        self._faults = faults
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what the plan says, or pass the request on."""
        action = None
        if scope["type"] == "http":
            action = self._faults.request_action(self._service, scope["method"], scope["path"])
        match action:
            case Answer():
                await _answer(action, send)
            case Delay():
                await asyncio.sleep(action.delay)
                await self._app(scope, receive, send)
            case "reset":
                await _drop(scope, reset=True)
            case "lose_answer":
                await self._app(scope, receive, _swallow)
                await _drop(scope, reset=False)
            case _:
                await self._app(scope, receive, send)


async def _answer(action: Answer, send: Send) -> None:
    text = isinstance(action.body, str)
    body = action.body.encode() if text else orjson.dumps(action.body)
    headers = {"content-type": "text/plain" if text else "application/json", **action.headers}
    headers["content-length"] = str(len(body))
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": action.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _swallow(message: Message) -> None:
    """Take the answer that the client is not to see."""


async def _drop(scope: Scope, *, reset: bool) -> None:
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]
    if reset:
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    # The server hears of the lost connection in the next turns of the loop, before this request ends.
    for _ in range(2):
        await asyncio.sleep(0)
