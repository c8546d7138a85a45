"""Entity Store: namespaces, projects, datasets and models. Descriptions; the Data Store has the files."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from include.local_nemo import resources
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Entity, Resource
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.wire import (
    Body,
    Document,
    api_error,
    delete_response,
    invalid,
    list_page,
    merge_patch,
    now,
    validated,
)


class Part(BaseModel):
    """A part of an entity that is complete or not there."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class ModelSpec(Part):
    """What a model is."""

    context_size: int
    is_chat: bool
    num_parameters: int
    num_virtual_tokens: int


class Artifact(Part):
    """Where a model's files are."""

    files_url: str
    status: Literal["created", "upload_completed", "upload_failed"]
    backend_engine: Literal["nemo", "trt_llm", "vllm", "faster_transformer", "hugging_face"] | None = None
    gpu_arch: str | None = None
    precision: str | None = None
    tensor_parallelism: int | None = None


class Lora(Part):
    """How LoRA was applied."""

    alpha: int
    apply_lora_to_mlp: bool
    apply_lora_to_output: bool


class Peft(Part):
    """How a model was fine-tuned."""

    finetuning_type: str
    lora: Lora | None = None


class ApiEndpoint(Part):
    """Where a model answers."""

    url: str
    model_id: str
    api_key: str | None = None
    format: Literal["nim", "openai", "lama_stack"] | None = None


class NamespaceBody(Entity):
    """A namespace is its own id."""

    id: str


class DatasetBody(Entity):
    """A dataset points to files; whether they are there is not checked, as the real service does not."""

    files_url: str
    format: str | None = None
    split: str | None = None
    limit: int | None = None
    hf_endpoint: str | None = None


class ModelBody(Entity):
    """A model: base, adapter, prompt or endpoint."""

    base_model: str | dict[str, Any] | None = None
    spec: ModelSpec | None = None
    artifact: Artifact | None = None
    peft: Peft | None = None
    prompt: dict[str, Any] | None = None
    api_endpoint: ApiEndpoint | None = None
    guardrails: dict[str, Any] | None = None
    model_providers: list[str] | None = None


PROJECTS = Resource("project", "/v1/projects", "project", Entity, {"description": None, "custom_fields": {}})
DATASETS = Resource(
    "dataset",
    "/v1/datasets",
    "dataset",
    DatasetBody,
    {"project": None, "description": "", "custom_fields": {}},
)
MODELS = Resource(
    "model",
    "/v1/models",
    "model",
    ModelBody,
    {"schema_version": "1.0", "custom_fields": {}},
    derived={"peft.lora": lambda doc: (doc.get("peft") or {}).get("finetuning_type") == "lora"},
)


def router(platform: Platform) -> APIRouter:
    """Return the routes of all four."""
    routes = APIRouter()
    routes.include_router(_namespaces(platform))
    for resource in (PROJECTS, DATASETS, MODELS):
        routes.include_router(resources.router(platform, resource))
    return routes


def _namespaces(platform: Platform) -> APIRouter:
    routes = APIRouter(prefix="/v1/namespaces")
    store = platform.store

    @routes.post("")
    def create(body: Body) -> Document:
        sent = {key: value for key, value in validated(NamespaceBody, body).items() if value is not None}
        if not sent["id"]:
            raise invalid("id", "String should have at least 1 character", "string_too_short")
        created = now()
        blank: Document = {"description": None, "project": None, "custom_fields": {}, "ownership": None}
        doc = {**blank, "created_at": created, "updated_at": created, **sent}
        try:
            store.insert("namespace", doc["id"], doc)
        except AlreadyExists:
            raise api_error(409, f"namespace '{doc['id']}' already exists") from None
        return doc

    @routes.get("")
    def find(request: Request) -> Document:
        # A namespace's id is its name: lists of namespaces may be filtered by it.
        return list_page(store.all("namespace"), request, {"namespace": lambda doc: doc["id"]})

    @routes.get("/{namespace}")
    def read(namespace: str) -> Document:
        doc = store.get("namespace", namespace)
        if doc is None:
            raise api_error(404, f"namespace '{namespace}' not found")
        return doc

    @routes.patch("/{namespace}")
    def change(namespace: str, body: Body) -> Document:
        def merge(doc: Document) -> Document:
            merged = merge_patch(doc, body)
            return {**merged, **validated(NamespaceBody, merged)}

        try:
            return store.update("namespace", namespace, merge)
        except Absent:
            raise api_error(404, f"namespace '{namespace}' not found") from None

    @routes.delete("/{namespace}")
    def delete(namespace: str) -> Document:
        if store.delete("namespace", namespace) is None:
            raise api_error(404, f"namespace '{namespace}' not found")
        return delete_response(namespace)

    return routes
