"""Things that are created, read, listed, changed and deleted, all in the same way.

The entities of the Entity Store, the targets and configs of Customizer and Evaluator, the Evaluator's results
and the configs of Deployment Management are such things.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from include.local_nemo.lists import Derived, list_page
from include.local_nemo.platform import Platform
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.wire import (
    Body,
    Document,
    api_error,
    delete_response,
    invalid,
    new_id,
    now,
    validated,
)

OWNED = frozenset({"id", "created_at", "updated_at"})
"""Fields that only the platform sets, on any resource; what a client sends for them is ignored."""
IDENTITY = ("id", "namespace", "name")
"""Fields that a change may repeat, but not change."""


@dataclass(frozen=True)
class Resource:
    """Describe one kind of thing.

    `kind` is its name in the store and in error texts, `path` its list's path, `prefix` that of its ids, `key`
    the fields that tell one from another, in the order of its own path. `body` checks what clients create.
    `defaults` are fields that a client may leave out, `owned` those that it cannot set. `complete` adds to a
    new document what follows from its other fields. `derived` are names for filters, `clock` prints times.
    """

    kind: str
    path: str
    prefix: str
    body: type[BaseModel]
    defaults: Document = field(default_factory=dict)
    owned: frozenset[str] = OWNED
    key: tuple[str, ...] = ("namespace", "name")
    complete: Callable[[Document], Document] = lambda doc: doc
    derived: Derived = field(default_factory=dict)
    clock: Callable[[], str] = now

    def key_of(self, doc: Mapping[str, Any]) -> str:
        """Return the key in the store, which is also how other objects refer to the thing."""
        return "/".join(doc[name] for name in self.key)

    def absent(self, key: str) -> Exception:
        """Return the error to raise when there is no such thing."""
        return api_error(404, f"{self.kind} '{key}' not found")

    def taken(self, key: str) -> Exception:
        """Return the error to raise when there is such a thing already."""
        return api_error(409, f"{self.kind} '{key}' already exists")


def key_of(namespace: str, name: str) -> str:
    """Return the key of a thing that is known by namespace and name."""
    return f"{namespace}/{name}"


def new_document(resource: Resource, body: Document) -> Document:
    """Return the checked body with id, name, namespace and times; raise 422. Nothing is stored."""
    sent = validated(resource.body, _given(resource, body))
    made = new_id(resource.prefix)
    created = resource.clock()
    identity = {"id": made, "namespace": "default", "name": made}
    kept = {name: value for name, value in identity.items() if name in (*resource.key, "id")}
    times = {"created_at": created, "updated_at": created}
    return resource.complete({**kept, **resource.defaults, **times, **sent})


def changed_document(resource: Resource, doc: Document, body: Document) -> Document:
    """Return `doc` with the fields of a change over it, checked as the whole that they lead to; raise 422.

    A field that is null goes back to what it is when it is left out at the creation. What the change does not
    name stays exactly as it is.
    """
    for name in IDENTITY:
        if name in body and name in doc and body[name] not in (None, doc[name]):
            raise invalid(name, f"{name} cannot be changed")
    named = body.keys() - resource.owned - set(IDENTITY)
    merged = {**doc, **{name: body[name] for name in named}}
    checked = validated(resource.body, {name: value for name, value in merged.items() if value is not None})
    whole = resource.complete({**resource.defaults, **checked})
    kept = {name: value for name, value in doc.items() if name not in named}
    return {**kept, **{name: whole[name] for name in named if name in whole}, "updated_at": resource.clock()}


def _given(resource: Resource, body: Document) -> Document:
    return {name: value for name, value in body.items() if value is not None and name not in resource.owned}


def _same(doc: Document) -> Document:
    return doc


def router(
    platform: Platform,
    resource: Resource,
    *,
    created: Callable[[Document], Document] = _same,
    shown: Callable[[Document], Document] = _same,
    changed: Callable[[Document, Document], Document] | None = None,
) -> APIRouter:
    """Return the five routes: POST and GET on the path, GET, PATCH and DELETE on `…/{namespace}/{name}`.

    `created` is given what was just stored and returns what it has become, `shown` makes an answer of what is
    stored, and `changed(doc, body)` replaces `changed_document`.
    """
    routes = APIRouter(prefix=resource.path)
    store, kind = platform.store, resource.kind
    own = "".join(f"/{{{name}}}" for name in resource.key)

    @routes.post("")
    def create(body: Body) -> Document:
        doc = new_document(resource, body)
        try:
            store.insert(kind, resource.key_of(doc), doc)
        except AlreadyExists:
            raise resource.taken(resource.key_of(doc)) from None
        return shown(created(doc))

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page(map(shown, store.all(kind)), request, resource.derived)

    @routes.get(own)
    def read(request: Request) -> Document:
        key = resource.key_of(request.path_params)
        doc = store.get(kind, key)
        if doc is None:
            raise resource.absent(key)
        return shown(doc)

    @routes.patch(own)
    def change(request: Request, body: Body) -> Document:
        key = resource.key_of(request.path_params)
        merge = changed or (lambda doc, body: changed_document(resource, doc, body))
        try:
            return shown(store.update(kind, key, lambda doc: merge(doc, body)))
        except Absent:
            raise resource.absent(key) from None

    @routes.delete(own)
    def delete(request: Request) -> Document:
        key = resource.key_of(request.path_params)
        doc = store.delete(kind, key)
        if doc is None:
            raise resource.absent(key)
        return delete_response(doc["id"], resource.clock())

    return routes
