"""Customization configs: how a target is trained, and on how many GPUs."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from include.local_nemo.customization_targets import TARGETS, Precision
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
    validated,
)

TrainingType = Literal["sft", "distillation", "dpo", "grpo"]
FinetuningType = Literal["lora", "lora_merged", "all_weights"]


class TrainingOption(BaseModel):
    """One way to train, and its resources."""

    model_config = ConfigDict(extra="allow")

    training_type: TrainingType
    finetuning_type: FinetuningType
    num_gpus: int = Field(ge=0)
    micro_batch_size: int = Field(ge=1)
    num_nodes: int | None = Field(None, ge=1)
    tensor_parallel_size: int | None = Field(None, ge=1)
    data_parallel_size: int | None = Field(None, ge=1)
    pipeline_parallel_size: int | None = Field(None, ge=1)
    expert_model_parallel_size: int | None = Field(None, ge=1)
    use_sequence_parallel: bool | None = None


class OptionName(BaseModel):
    """Which option to remove."""

    training_type: TrainingType
    finetuning_type: FinetuningType


class ConfigBody(Entity):
    """A config."""

    max_seq_length: int = Field(ge=1)
    training_options: list[TrainingOption] = Field(min_length=1)
    target: str | dict[str, Any] | None = None
    training_precision: Precision | None = None
    prompt_template: str | None = None
    chat_prompt_template: str | None = None
    dataset_schemas: list[dict[str, Any]] | None = None
    pod_spec: dict[str, Any] | None = None


class OptionChanges(BaseModel):
    """The part of a PATCH that adds and removes single options."""

    model_config = ConfigDict(extra="allow")
    add_training_options: list[TrainingOption] = []
    remove_training_options: list[OptionName] = []


def _complete(config: Document) -> Document:
    options = [
        {
            "num_nodes": 1,
            "tensor_parallel_size": 1,
            "pipeline_parallel_size": 1,
            "use_sequence_parallel": False,
            **{name: value for name, value in option.items() if value is not None},
        }
        for option in config["training_options"]
    ]
    return {**config, "training_options": options}


CONFIGS = Resource(
    "customization config",
    "/v1/customization/configs",
    "customization_config",
    ConfigBody,
    {"training_precision": "bf16-mixed", "prompt_template": "{prompt} {completion}", "custom_fields": {}},
    complete=_complete,
)

DERIVED = {
    "target_base_model": lambda config: _of_target(config, "base_model"),
    "target_name": lambda config: _of_target(config, "name"),
    "target_enabled": lambda config: _of_target(config, "enabled"),
    "enabled": lambda config: _of_target(config, "enabled"),  # what clients before 25.12 call target_enabled
    "training_type": lambda config: [option["training_type"] for option in config["training_options"]],
    "finetuning_type": lambda config: [option["finetuning_type"] for option in config["training_options"]],
}


def _of_target(config: Document, field: str) -> object:
    target = config.get("target")
    return target.get(field) if isinstance(target, dict) else None


def expanded(store: Store, config: Document) -> Document:
    """Return the config as it is answered: a target given by name becomes the target as it is now, if there is one."""
    target = config.get("target")
    if isinstance(target, str):
        key = target if "/" in target else key_of("default", target)
        config = {**config, "target": store.get(TARGETS.kind, key) or target}
    return config


def new_config(body: Document) -> Document:
    """Return a checked and completed config; raise 422. An inline target is checked and completed, too."""
    config = new_document(CONFIGS, body)
    if isinstance(config.get("target"), dict):
        inline = {"namespace": config["namespace"], **config["target"]}
        config["target"] = {**new_document(TARGETS, inline), "status": "ready"}
    return config


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/customization/configs`."""
    routes = APIRouter(prefix=CONFIGS.path)
    store = platform.store

    def absent(key: str) -> Exception:
        return api_error(404, f"{CONFIGS.kind} '{key}' not found")

    @routes.post("")
    def create(body: Body) -> Document:
        config = new_config(body)
        key = key_of(config["namespace"], config["name"])
        try:
            store.insert(CONFIGS.kind, key, config)
        except AlreadyExists:
            raise api_error(409, f"{CONFIGS.kind} '{key}' already exists") from None
        return expanded(store, config)

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page([expanded(store, config) for config in store.all(CONFIGS.kind)], request, DERIVED)

    @routes.get("/{namespace}/{name}")
    def read(namespace: str, name: str) -> Document:
        config = store.get(CONFIGS.kind, key_of(namespace, name))
        if config is None:
            raise absent(key_of(namespace, name))
        return expanded(store, config)

    @routes.patch("/{namespace}/{name}")
    def change(namespace: str, name: str, body: Body) -> Document:
        changes = validated(OptionChanges, body)
        added = changes.pop("add_training_options", [])
        removed = [_option_name(option) for option in changes.pop("remove_training_options", [])]

        def merge(config: Document) -> Document:
            merged = merge_patch(config, changes)
            kept = [option for option in merged["training_options"] if _option_name(option) not in removed]
            merged["training_options"] = [*kept, *added]
            return _complete({**merged, **validated(ConfigBody, merged)})

        try:
            return expanded(store, store.update(CONFIGS.kind, key_of(namespace, name), merge))
        except Absent:
            raise absent(key_of(namespace, name)) from None

    @routes.delete("/{namespace}/{name}")
    def delete(namespace: str, name: str) -> Document:
        config = store.delete(CONFIGS.kind, key_of(namespace, name))
        if config is None:
            raise absent(key_of(namespace, name))
        return delete_response(config["id"])

    return routes


def _option_name(option: Document) -> tuple[str, str]:
    return option["training_type"], option["finetuning_type"]
