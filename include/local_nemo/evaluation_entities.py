"""Evaluation configs, targets and results: what a job refers to, and what it leaves behind."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from include.local_nemo import resources
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Entity, Resource, key_of, new_document
from include.local_nemo.store import Absent, AlreadyExists, Store
from include.local_nemo.wire import (
    Body,
    Document,
    api_error,
    delete_response,
    list_page,
    merge_patch,
    new_id,
    now,
    validated,
)


class Part(BaseModel):
    """A part of a config or target; fields that are not named here are kept as they come."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class MetricBody(Part):
    """A metric of a task."""

    type: str
    params: dict[str, Any] | None = None


class DatasetBody(Part):
    """A dataset inside a task or target."""

    files_url: str
    limit: int | None = Field(None, ge=1)


class TaskBody(Part):
    """A task of a config."""

    type: str
    params: dict[str, Any] | None = None
    metrics: dict[str, MetricBody] | None = None
    dataset: str | DatasetBody | None = None


class ParamsBody(Part):
    """The parameters that hold for every task."""

    parallelism: int | None = Field(None, ge=1)
    request_timeout: float | None = Field(None, gt=0)
    max_retries: int | None = Field(None, ge=0)
    limit_samples: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = None
    top_p: float | None = None


class ConfigBody(Entity):
    """How something is graded."""

    type: str
    tasks: dict[str, TaskBody] | None = None
    groups: dict[str, Any] | None = None
    params: ParamsBody | None = None


class TargetBody(Entity):
    """What is graded."""

    type: Literal["model", "cached_outputs", "retriever", "rag", "rows", "dataset"]
    model: str | dict[str, Any] | None = None
    dataset: str | DatasetBody | None = None
    rows: list[dict[str, Any]] | None = None


class ResultBody(Entity):
    """The scores of a job."""

    job: str
    tasks: dict[str, Any] | None = None
    groups: dict[str, Any] | None = None
    files_url: str | None = None


def _with_inner_ids(entity: Document) -> Document:
    """Return a config or target with its inner datasets and models completed, as the service echoes them."""
    namespace = entity["namespace"]
    for holder in (entity, *(entity.get("tasks") or {}).values()):
        dataset = holder.get("dataset")
        if isinstance(dataset, dict):
            made = {**_inner("dataset", dataset, namespace), "version_id": "main", "version_tags": []}
            holder["dataset"] = {**made, **dataset}
    model = entity.get("model")
    if isinstance(model, dict):
        entity["model"] = {**_inner("model", model, namespace), **model}
        if isinstance(model.get("api_endpoint"), dict):
            entity["model"]["api_endpoint"] = {"format": "nim", **model["api_endpoint"]}
    return entity


def _inner(prefix: str, part: Document, namespace: str) -> Document:
    made = part.get("id") or new_id(prefix)
    return {"schema_version": "1.0", "id": made, "name": made, "namespace": namespace}


def _resource(kind: str, path: str, prefix: str, body: type[Entity]) -> Resource:
    defaults = {"schema_version": "1.0", "type_prefix": prefix, "custom_fields": {}}
    return Resource(kind, f"/v1/evaluation/{path}", prefix, body, defaults, complete=_with_inner_ids)


CONFIGS = _resource("evaluation config", "configs", "eval-config", ConfigBody)
TARGETS = _resource("evaluation target", "targets", "eval-target", TargetBody)
RESULT = "evaluation result"


class Reference:
    """A job's config or target: an entity that is there, or one to be made from the object that was sent.

    Raises 404 for a name that nothing has and 422 for an object that is none; stores nothing before `save`.
    """

    def __init__(self, store: Store, resource: Resource, sent: object, namespace: str | None) -> None:
        self._store, self._resource = store, resource
        self._known = isinstance(sent, str)
        if isinstance(sent, str):
            key = sent if "/" in sent else key_of("default", sent)
            found = store.get(resource.kind, key)
            if found is None:
                raise api_error(404, f"{resource.kind} '{key}' not found")
            self.entity = found
        else:
            body: Document = sent if isinstance(sent, dict) else {}
            self.entity = new_document(resource, {"namespace": namespace, **body})

    def save(self) -> None:
        """Store the entity if it is new; answer 409 when it came with a name that is taken."""
        if self._known:
            return
        key = key_of(self.entity["namespace"], self.entity["name"])
        try:
            self._store.insert(self._resource.kind, key, self.entity)
        except AlreadyExists:
            raise api_error(409, f"{self._resource.kind} '{key}' already exists") from None


def new_result(job: str, namespace: str, tasks: Document) -> Document:
    """Return a new EvaluationResult."""
    return {
        "id": new_id("evaluation_result"),
        "job": job,
        "namespace": namespace,
        "created_at": now(),
        "updated_at": now(),
        "tasks": tasks,
        "groups": {},
        "custom_fields": {},
    }


def router(platform: Platform) -> APIRouter:
    """Return the routes of configs, targets and results."""
    routes = APIRouter()
    for resource in (CONFIGS, TARGETS):
        routes.include_router(resources.router(platform, resource))
    routes.include_router(_results(platform.store))
    return routes


def _results(store: Store) -> APIRouter:
    """Return the routes of results, which have an id and no name."""
    routes = APIRouter(prefix="/v1/evaluation/results")

    @routes.post("")
    def create(body: Body) -> Document:
        sent = {key: value for key, value in validated(ResultBody, body).items() if value is not None}
        fresh = new_result(sent["job"], sent.get("namespace") or "default", {})
        result = {**fresh, **sent, "id": fresh["id"]}
        store.insert(RESULT, result["id"], result)
        return result

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page(store.all(RESULT), request, {"job_id": lambda result: result["job"]})

    @routes.get("/{result_id}")
    def read(result_id: str) -> Document:
        result = store.get(RESULT, result_id)
        if result is None:
            raise api_error(404, f"{RESULT} '{result_id}' not found")
        return result

    @routes.patch("/{result_id}")
    def change(result_id: str, body: Body) -> Document:
        def merge(result: Document) -> Document:
            merged = merge_patch(result, body)
            return {**merged, **validated(ResultBody, merged)}

        try:
            return store.update(RESULT, result_id, merge)
        except Absent:
            raise api_error(404, f"{RESULT} '{result_id}' not found") from None

    @routes.delete("/{result_id}")
    def delete(result_id: str) -> Document:
        if store.delete(RESULT, result_id) is None:
            raise api_error(404, f"{RESULT} '{result_id}' not found")
        return delete_response(result_id)

    return routes
