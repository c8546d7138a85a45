"""Deployment Management: the API of model deployments and their configs.

What the real service does with a change of the config is not documented. Here it is rolled out anew: the
deployment gives up its GPUs at once, is pending again, and waits for the GPUs that it needs now.
"""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field, model_validator

from include.local_nemo import resources, rollout
from include.local_nemo.lists import list_page
from include.local_nemo.model_parts import Artifact, Guardrails, InlineModel, Peft
from include.local_nemo.parts import Entity, NameOr, Part
from include.local_nemo.platform import Platform
from include.local_nemo.resources import OWNED, Resource, changed_document, key_of, new_document
from include.local_nemo.rollout import KIND, adopt, ready_models, resume
from include.local_nemo.store import Absent, AlreadyExists
from include.local_nemo.wire import Body, Document, api_error, delete_response, go_time, new_id

__all__ = ["adopt", "ready_models", "resume", "router"]

REGISTRY = "nvcr.io/nim/"
"""Where an image name starts with this, the rest is the name of the model."""


class NimDeployment(Part):
    """The container of a NIM."""

    gpu: int = Field(ge=0)
    image_name: str
    image_tag: str
    additional_envs: dict[str, str] | None = None
    pvc_size: str | None = None
    disable_lora_support: bool | None = None
    namespace: str | None = None


class ExternalEndpoint(Part):
    """A model that is served elsewhere: known here, but the NIM proxy does not forward to it."""

    host_url: str
    api_key: str | None = None
    enabled_models: list[str] | None = None


class DeployedArtifact(Artifact):
    """The files of a model that is deployed: this service knows fewer precisions."""

    precision: Literal["int8", "bf16", "fp16", "fp32"] | None = None


class DeployedPeft(Peft):
    """How a model that is deployed was fine-tuned, in this service's words."""

    finetuning_type: Literal["p_tuning", "lora", "all_weights"]  # type: ignore[assignment]


class DeployedGuardrails(Guardrails):
    """What guards a model that is deployed."""

    files_url: str


class DeployedModel(InlineModel):
    """A model described inside a config."""

    artifact: DeployedArtifact | None = None
    peft: DeployedPeft | None = None
    guardrails: DeployedGuardrails | None = None


class ConfigBody(Entity):
    """What to deploy: a NIM or an external endpoint."""

    model: NameOr[DeployedModel] | None = None
    nim_deployment: NimDeployment | None = None
    external_endpoint: ExternalEndpoint | None = None

    @model_validator(mode="after")
    def _deploys_something(self) -> "ConfigBody":
        if self.nim_deployment is None and self.external_endpoint is None:
            raise ValueError("nim_deployment or external_endpoint is required")
        return self


class DeploymentBody(Entity):
    """What to deploy, by reference or in place, and under which name."""

    config: NameOr[ConfigBody]
    models: list[str] | None = None
    async_enabled: bool | None = None


CONFIGS = Resource(
    "deployment config", "/v1/deployment/configs", "deployment_config", ConfigBody, clock=go_time
)
DEPLOYMENTS = Resource(
    "model deployment",
    "/v1/deployment/model-deployments",
    "modeldeployment",
    DeploymentBody,
    {"async_enabled": False},
    # A token is a secret: never kept, never shown.
    owned=OWNED | {"deployed", "url", "status_details", "hf_token"},
    clock=go_time,
)


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/deployment`."""
    routes = APIRouter()
    routes.include_router(resources.router(platform, CONFIGS))
    routes.include_router(_model_deployments(platform))
    return routes


def _model_deployments(platform: Platform) -> APIRouter:
    routes = APIRouter(prefix=DEPLOYMENTS.path)
    store = platform.store

    def stored(namespace: str, name: str) -> Document:
        key = key_of(namespace, name)
        deployment = store.get(KIND, key)
        if deployment is None:
            raise DEPLOYMENTS.absent(key)
        return deployment

    @routes.post("")
    def create(body: Body) -> Document:
        answer = new_document(DEPLOYMENTS, body)
        uid = answer.pop("id")  # not on the wire: a deployment is known by its name
        answer["config"] = _resolved(platform, answer["config"])
        deployment = rollout.pending(uid, answer, *_needs(answer["config"]), "Model deployment created")
        try:
            store.insert(KIND, rollout.key_of(deployment), deployment)
        except AlreadyExists:
            # Old servers say 500, and clients recognise the duplicate by these words.
            status = platform.settings.duplicate_deployment_status
            raise api_error(status, "model deployment already exists") from None
        rollout.start(platform, deployment)
        return answer

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
        """Change a deployment, and roll it out anew if it gets another config."""
        key = key_of(namespace, name)
        replaced: list[str] = []

        def merge(doc: Document) -> Document:
            answer = changed_document(DEPLOYMENTS, doc["answer"], body)
            answer["config"] = _resolved(platform, answer["config"])
            if answer["config"] == doc["answer"]["config"]:
                return {**doc, "answer": answer}
            if doc["deleting"]:
                raise api_error(409, f"model deployment '{key}' is being deleted")
            replaced.append(doc["uid"])
            uid = new_id(DEPLOYMENTS.prefix)
            return rollout.pending(uid, answer, *_needs(answer["config"]), "Model deployment updated")

        try:
            deployment = store.update(KIND, key, merge)
        except Absent:
            raise DEPLOYMENTS.absent(key) from None
        for uid in replaced:
            rollout.replace(platform, uid, deployment)
        answer: Document = deployment["answer"]
        return answer

    @routes.delete("/{namespace}/{name}")
    def delete(namespace: str, name: str) -> Document:
        rollout.remove(platform, stored(namespace, name))
        return delete_response(key_of(namespace, name), go_time())

    return routes


def _resolved(platform: Platform, config: str | Document) -> Document:
    """Return the config itself: a deployment keeps its copy, whatever happens to what it referred to."""
    if not isinstance(config, str):
        return config
    namespace, _, name = config.rpartition("/")
    key = key_of(namespace or "default", name)
    found = platform.store.get(CONFIGS.kind, key)
    if found is None:
        raise CONFIGS.absent(key)
    return found


def _needs(config: Document) -> tuple[str | None, int]:
    """Return the name of the model that a config serves and the GPUs that this takes."""
    nim = config.get("nim_deployment")
    if not nim:
        return None, 0
    model = config.get("model")
    if isinstance(model, dict):
        name = model.get("name")
        model = name if not name or "/" in name else key_of(model.get("namespace") or "default", name)
    return model or nim["image_name"].removeprefix(REGISTRY), nim["gpu"]
