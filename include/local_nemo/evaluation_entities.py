"""Evaluation configs, targets and results: what a job refers to, and what it leaves behind."""

from fastapi import APIRouter

from include.local_nemo import resources
from include.local_nemo.evaluation_bodies import ConfigBody, ResultBody, TargetBody
from include.local_nemo.parts import Entity
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Resource, key_of, new_document
from include.local_nemo.store import AlreadyExists, Store
from include.local_nemo.wire import Document, new_id


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
RESULTS = Resource(
    "evaluation result",
    "/v1/evaluation/results",
    "evaluation_result",
    ResultBody,
    {"namespace": "default", "tasks": {}, "groups": {}, "custom_fields": {}},
    key=("id",),
    derived={"job_id": lambda result: result["job"]},
)


class Reference:
    """A job's config or target: an entity that is there, or one to be made from the object that was sent.

    Raises 404 for a name that nothing has; stores nothing before `save`.
    """

    def __init__(self, store: Store, resource: Resource, sent: str | Document, namespace: str | None) -> None:
        self._store, self._resource = store, resource
        self._known = isinstance(sent, str)
        if isinstance(sent, str):
            key = sent if "/" in sent else key_of("default", sent)
            found = store.get(resource.kind, key)
            if found is None:
                raise resource.absent(key)
            self.entity = found
        else:
            self.entity = new_document(resource, {"namespace": namespace, **sent})

    def save(self) -> None:
        """Store the entity if it is new; answer 409 when it came with a name that is taken."""
        if self._known:
            return
        key = self._resource.key_of(self.entity)
        try:
            self._store.insert(self._resource.kind, key, self.entity)
        except AlreadyExists:
            raise self._resource.taken(key) from None


def new_result(job: str, namespace: str, tasks: Document) -> Document:
    """Return a new EvaluationResult."""
    return new_document(RESULTS, {"job": job, "namespace": namespace, "tasks": tasks})


def router(platform: Platform) -> APIRouter:
    """Return the routes of configs, targets and results."""
    routes = APIRouter()
    for resource in (CONFIGS, TARGETS, RESULTS):
        routes.include_router(resources.router(platform, resource))
    return routes
