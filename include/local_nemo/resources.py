"""Named things that are created, read, listed, changed and deleted, all in the same way.

Entity Store, Deployment Management's configs and Evaluator's configs and targets are such things.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from include.local_nemo.platform import Platform
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.wire import (
    Body,
    Derived,
    Document,
    api_error,
    delete_response,
    list_page,
    merge_patch,
    new_id,
    now,
    validated,
)


class Entity(BaseModel):
    """The fields that anything named may have. Unknown fields are kept, for clients of other versions."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    name: str | None = None
    namespace: str | None = None
    description: str | None = None
    project: str | None = None
    custom_fields: dict[str, Any] | None = None
    ownership: dict[str, Any] | None = None


@dataclass(frozen=True)
class Resource:
    """Describe one kind of named thing.

    `kind` is its name in the store and in error texts, `path` its list's path, `prefix` that of its ids.
    `body` checks what clients create; a change is checked as the whole that it leads to. `defaults` are
    fields of an answer that a client may leave out. `complete` gives a new document what depends on the
    platform.
    """

    kind: str
    path: str
    prefix: str
    body: type[BaseModel]
    defaults: Document = field(default_factory=dict)
    complete: Callable[[Document], Document] = lambda doc: doc
    derived: Derived = field(default_factory=dict)


def key_of(namespace: str, name: str) -> str:
    """Return the key in the store, which is also how other objects refer to the thing."""
    return f"{namespace}/{name}"


def new_document(resource: Resource, body: Document) -> Document:
    """Return the checked body with id, name, namespace and times; raise 422. Nothing is stored."""
    sent = {name: value for name, value in validated(resource.body, body).items() if value is not None}
    made = new_id(resource.prefix)
    created = now()
    times = {"created_at": created, "updated_at": created}
    identity = {"name": made, "namespace": "default"}
    return resource.complete({**identity, **resource.defaults, **times, **sent, "id": made})


def router(platform: Platform, resource: Resource) -> APIRouter:
    """Return the five routes: POST and GET on the path, GET, PATCH and DELETE on `…/{namespace}/{name}`."""
    routes = APIRouter(prefix=resource.path)
    store, kind = platform.store, resource.kind

    def absent(namespace: str, name: str) -> Exception:
        return api_error(404, f"{kind} '{namespace}/{name}' not found")

    @routes.post("")
    def create(body: Body) -> Document:
        doc = new_document(resource, body)
        try:
            store.insert(kind, key_of(doc["namespace"], doc["name"]), doc)
        except AlreadyExists:
            raise api_error(409, f"{kind} '{doc['namespace']}/{doc['name']}' already exists") from None
        return doc

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page(store.all(kind), request, resource.derived)

    @routes.get("/{namespace}/{name}")
    def read(namespace: str, name: str) -> Document:
        doc = store.get(kind, key_of(namespace, name))
        if doc is None:
            raise absent(namespace, name)
        return doc

    @routes.patch("/{namespace}/{name}")
    def change(namespace: str, name: str, body: Body) -> Document:
        def merge(doc: Document) -> Document:
            merged = merge_patch(doc, body)
            return resource.complete({**merged, **validated(resource.body, merged)})

        try:
            return store.update(kind, key_of(namespace, name), merge)
        except Absent:
            raise absent(namespace, name) from None

    @routes.delete("/{namespace}/{name}")
    def delete(namespace: str, name: str) -> Document:
        doc = store.delete(kind, key_of(namespace, name))
        if doc is None:
            raise absent(namespace, name)
        return delete_response(doc["id"])

    return routes
