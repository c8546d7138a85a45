"""Entity Store: namespaces, projects, datasets and models. Descriptions; the Data Store has the files."""

from fastapi import APIRouter

from include.local_nemo import resources
from include.local_nemo.model_parts import ModelFields
from include.local_nemo.parts import Entity, PathPart
from include.local_nemo.platform import Platform
from include.local_nemo.resources import OWNED, Resource


class NamespaceBody(Entity):
    """A namespace is its own id."""

    id: PathPart


class DatasetBody(Entity):
    """A dataset points to files; whether they are there is not checked, as the real service does not."""

    files_url: str
    format: str | None = None
    split: str | None = None
    limit: int | None = None
    hf_endpoint: str | None = None


class ModelBody(ModelFields, Entity):
    """A model: base, adapter, prompt or endpoint."""


NAMESPACES = Resource(
    "namespace",
    "/v1/namespaces",
    "namespace",
    NamespaceBody,
    {"description": None, "project": None, "custom_fields": {}, "ownership": None},
    owned=OWNED - {"id"},
    key=("id",),
    # A namespace's id is its name: lists of namespaces may be filtered by it.
    derived={"namespace": lambda doc: doc["id"]},
)
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
    derived={
        # These filters ask whether there is one at all.
        "peft": lambda doc: bool(doc.get("peft")),
        "prompt": lambda doc: bool(doc.get("prompt")),
        "peft.lora": lambda doc: (doc.get("peft") or {}).get("finetuning_type") == "lora",
    },
)


def router(platform: Platform) -> APIRouter:
    """Return the routes of all four."""
    routes = APIRouter()
    for resource in (NAMESPACES, PROJECTS, DATASETS, MODELS):
        routes.include_router(resources.router(platform, resource))
    return routes
