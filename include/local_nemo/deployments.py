"""Deployment Management: the API of model deployments and their configs."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.local_nemo import resources, rollout
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Entity, Resource, key_of
from include.local_nemo.rollout import KIND, ready_models, resume
from include.local_nemo.store import AlreadyExists
from include.local_nemo.wire import (
    Body,
    Document,
    api_error,
    delete_response,
    go_time,
    list_page,
    merge_patch,
    new_id,
    validated,
)

__all__ = ["ready_models", "resume", "router"]

PATH = "/v1/deployment/model-deployments"
REGISTRY = "nvcr.io/nim/"
"""Where an image name starts with this, the rest is the name of the model."""


class NimDeployment(BaseModel):
    """The container of a NIM."""

    model_config = ConfigDict(extra="allow")
    gpu: int = Field(ge=0)
    image_name: str
    image_tag: str
    additional_envs: dict[str, str] | None = None
    pvc_size: str | None = None
    disable_lora_support: bool | None = None
    namespace: str | None = None


class ExternalEndpoint(BaseModel):
    """A model that is served elsewhere: known here, but the NIM proxy does not forward to it."""

    model_config = ConfigDict(extra="allow")
    host_url: str
    api_key: str | None = None
    enabled_models: list[str] | None = None


class ConfigBody(Entity):
    """What to deploy: a NIM or an external endpoint."""

    model: str | dict[str, Any] | None = None
    nim_deployment: NimDeployment | None = None
    external_endpoint: ExternalEndpoint | None = None

    @model_validator(mode="after")
    def _deploys_something(self) -> "ConfigBody":
        if self.nim_deployment is None and self.external_endpoint is None:
            raise ValueError("nim_deployment or external_endpoint is required")
        return self


class DeploymentBody(Entity):
    """What to deploy, by reference or in place, and under which name."""

    config: str | ConfigBody
    models: list[str] | None = None
    async_enabled: bool | None = None
    hf_token: str | None = None


CONFIGS = Resource("deployment config", "/v1/deployment/configs", "deployment_config", ConfigBody)


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/deployment`."""
    routes = APIRouter()
    routes.include_router(resources.router(platform, CONFIGS))
    routes.include_router(_model_deployments(platform))
    return routes


def _model_deployments(platform: Platform) -> APIRouter:
    routes = APIRouter(prefix=PATH)
    store = platform.store

    def stored(namespace: str, name: str) -> Document:
        deployment = store.get(KIND, key_of(namespace, name))
        if deployment is None:
            raise api_error(404, f"model deployment '{namespace}/{name}' not found")
        return deployment

    @routes.post("")
    def create(body: Body) -> Document:
        deployment = _new_deployment(platform, body)
        try:
            store.insert(KIND, rollout.key_of(deployment), deployment)
        except AlreadyExists:
            # Old servers say 500, and clients recognise the duplicate by these words.
            status = platform.settings.duplicate_deployment_status
            raise api_error(status, "model deployment already exists") from None
        rollout.start(platform, deployment)
        return deployment["answer"]

    @routes.get("")
    def find(request: Request) -> Document:
        derived = {"status": lambda doc: doc["status_details"]["status"]}
        return list_page([doc["answer"] for doc in store.all(KIND)], request, derived)

    @routes.get("/{namespace}/{name}")
    def read(namespace: str, name: str) -> Document:
        answer: Document = stored(namespace, name)["answer"]
        return answer

    @routes.patch("/{namespace}/{name}")
    def change(namespace: str, name: str, body: Body) -> Document:
        stored(namespace, name)

        def merge(doc: Document) -> None:
            merged = merge_patch(doc["answer"], body)
            sent = validated(DeploymentBody, merged)
            sent.pop("hf_token", None)
            config = _resolved(platform, sent["config"])
            doc["answer"] = {**merged, **sent, "config": config, "updated_at": go_time()}

        answer: Document = store.update(KIND, key_of(namespace, name), merge)["answer"]
        return answer

    @routes.delete("/{namespace}/{name}")
    def delete(namespace: str, name: str) -> Document:
        rollout.remove(platform, stored(namespace, name))
        return delete_response(key_of(namespace, name))

    return routes


def _new_deployment(platform: Platform, body: Document) -> Document:
    sent = {name: value for name, value in validated(DeploymentBody, body).items() if value is not None}
    sent.pop("hf_token", None)  # a secret: never kept, never shown
    uid, created = new_id("modeldeployment"), go_time()
    config = _resolved(platform, sent["config"])
    answer = {
        "name": uid,
        "namespace": "default",
        "created_at": created,
        "updated_at": created,
        "async_enabled": False,
        **sent,
        "config": config,
        "deployed": False,
        "url": "",
        "status_details": {"status": "pending", "description": "Model deployment created"},
    }
    nim = config.get("nim_deployment")
    return {
        "uid": uid,
        "gpus": nim["gpu"] if nim else 0,
        "model": _model(config) if nim else None,
        "deleting": False,
        "answer": answer,
    }


def _resolved(platform: Platform, config: str | Document) -> Document:
    """Return the config itself: a deployment keeps its copy, whatever happens to what it referred to."""
    if not isinstance(config, str):
        return config
    namespace, _, name = config.rpartition("/")
    found = platform.store.get(CONFIGS.kind, key_of(namespace or "default", name))
    if found is None:
        raise api_error(404, f"deployment config '{config}' not found")
    return found


def _model(config: Document) -> str:
    model = config.get("model") or config["nim_deployment"]["image_name"].removeprefix(REGISTRY)
    return model if isinstance(model, str) else key_of(model["namespace"], model["name"])
