"""Customization configs: how a target is trained, and on how many GPUs."""

from functools import partial
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from include.local_nemo import resources
from include.local_nemo.customization_pods import PodSpec
from include.local_nemo.customization_targets import TARGETS, TargetBody
from include.local_nemo.model_parts import FinetuningType
from include.local_nemo.parts import Entity, NameOr, Part, Precision
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Resource, changed_document, key_of, new_document
from include.local_nemo.store import Store
from include.local_nemo.wire import Document, validated

TrainingType = Literal["sft", "distillation", "dpo", "grpo"]


class OptionName(Part):
    """What tells one option of a config from another."""

    training_type: TrainingType
    finetuning_type: FinetuningType


class TrainingOption(OptionName):
    """One way to train, and its resources."""

    num_gpus: int = Field(ge=0)
    micro_batch_size: int = Field(ge=1)
    num_nodes: int | None = Field(None, ge=1)
    tensor_parallel_size: int | None = Field(None, ge=1)
    data_parallel_size: int | None = Field(None, ge=1)
    pipeline_parallel_size: int | None = Field(None, ge=1)
    expert_model_parallel_size: int | None = Field(None, ge=1)
    use_sequence_parallel: bool | None = None


class ConfigBody(Entity):
    """A config."""

    max_seq_length: int = Field(ge=1)
    training_options: list[TrainingOption] = Field(min_length=1)
    target: NameOr[TargetBody] | None = None
    training_precision: Precision | None = None
    prompt_template: str | None = None
    chat_prompt_template: str | None = None
    dataset_schemas: list[dict[str, Any]] | None = None
    pod_spec: PodSpec | None = None


class OptionChanges(Part):
    """The part of a PATCH that adds and removes single options."""

    add_training_options: list[TrainingOption] | None = None
    remove_training_options: list[OptionName] | None = None


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
    target = config.get("target")
    if isinstance(target, dict):
        # Not one of the platform's targets, so there is nothing to download first.
        inline = new_document(TARGETS, {"namespace": config["namespace"], **target})
        target = {**inline, "status": "ready"}
    return {**config, "training_options": options, **({"target": target} if target else {})}


DERIVED = {
    "target_base_model": lambda config: _of_target(config, "base_model"),
    "target_name": lambda config: _of_target(config, "name"),
    "target_enabled": lambda config: _of_target(config, "enabled"),
    "enabled": lambda config: _of_target(config, "enabled"),  # what clients before 25.12 call target_enabled
    "training_type": lambda config: [option["training_type"] for option in config["training_options"]],
    "finetuning_type": lambda config: [option["finetuning_type"] for option in config["training_options"]],
}

CONFIGS = Resource(
    "customization config",
    "/v1/customization/configs",
    "customization_config",
    ConfigBody,
    {"training_precision": "bf16-mixed", "prompt_template": "{prompt} {completion}", "custom_fields": {}},
    complete=_complete,
    derived=DERIVED,
)


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


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/customization/configs`."""
    return resources.router(
        platform, CONFIGS, shown=partial(expanded, platform.store), changed=_with_changed_options
    )


def _with_changed_options(config: Document, body: Document) -> Document:
    """Return the config after a change, which may replace all options, and add and remove single ones."""
    changes = {name: value for name, value in body.items() if name in OptionChanges.model_fields}
    single = validated(OptionChanges, changes)
    changed = changed_document(CONFIGS, config, {n: v for n, v in body.items() if n not in changes})
    removed = [_option_name(option) for option in single.get("remove_training_options") or ()]
    kept = [option for option in changed["training_options"] if _option_name(option) not in removed]
    options = [*kept, *(single.get("add_training_options") or ())]
    return changed_document(CONFIGS, changed, {"training_options": options})


def _option_name(option: Document) -> tuple[str, str]:
    return option["training_type"], option["finetuning_type"]
