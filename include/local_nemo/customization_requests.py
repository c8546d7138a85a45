"""What a client asks for when it creates a customization job, checked against what the platform has."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.local_nemo.customization_configs import (
    CONFIGS,
    FinetuningType,
    TrainingType,
    expanded,
    new_config,
)
from include.local_nemo.customization_targets import TARGETS
from include.local_nemo.datastore import parse_hf_url
from include.local_nemo.entities import DATASETS
from include.local_nemo.platform import Platform
from include.local_nemo.resources import Entity, key_of
from include.local_nemo.wire import Document, api_error, invalid


class Part(BaseModel):
    """A part of a request; fields that are not named here are kept as they come."""

    model_config = ConfigDict(extra="allow")


class Lora(Part):
    """Parameters of LoRA."""

    adapter_dim: int | None = Field(None, ge=1)
    adapter_dropout: float | None = Field(None, ge=0, le=1)
    alpha: int | None = Field(None, ge=1)
    target_modules: list[str] | None = None


class Hyperparameters(Part):
    """How to train."""

    finetuning_type: FinetuningType
    training_type: TrainingType = "sft"
    batch_size: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    log_every_n_steps: int | None = Field(None, ge=1)
    val_check_interval: float | None = Field(None, gt=0)
    max_steps: int | None = None
    warmup_steps: int | None = Field(None, ge=0)
    seed: int | None = None
    sequence_packing_enabled: bool | None = None
    optimizer: (
        Literal[
            "adam_with_cosine_annealing",
            "adam_with_flat_lr",
            "adamw_with_cosine_annealing",
            "adamw_with_flat_lr",
        ]
        | None
    ) = None
    lora: Lora | None = None


class DatasetReference(Part):
    """A dataset named by its parts."""

    name: str
    namespace: str | None = None
    files_url: str | None = None


class JobBody(Entity):
    """A customization job."""

    config: str | dict[str, Any]
    dataset: str | DatasetReference
    hyperparameters: Hyperparameters
    output_model: str | None = Field(None, pattern=r"^[^/@\s]+(/[^/@\s]+)?(@[^/\s]+)?$")
    dataset_parameters: dict[str, Any] | None = None
    integrations: list[dict[str, Any]] | None = None


DEFAULTS: Document = {
    "training_type": "sft",
    "batch_size": 8,
    "epochs": 1,
    "learning_rate": 0.0001,
    "log_every_n_steps": 10,
    "sequence_packing_enabled": False,
}
UNUSED_HYPERPARAMETERS = (
    "max_steps",
    "val_check_interval",
    "warmup_steps",
    "optimizer",
    "sequence_packing_enabled",
)
"""What the platform's models train without; a job that sets one of them says so in its warnings."""

LORA_DEFAULTS: Document = {"adapter_dim": 8, "adapter_dropout": None, "alpha": 16}


def completed_hyperparameters(sent: Document) -> Document:
    """Return the hyperparameters with the service's defaults for what was not sent."""
    given = {name: value for name, value in sent.items() if value is not None}
    complete = {**DEFAULTS, **given}
    if complete["finetuning_type"].startswith("lora"):
        complete["lora"] = {**LORA_DEFAULTS, **(given.get("lora") or {})}
    return complete


def find_config(platform: Platform, reference: str | Document, namespace: str | None) -> Document:
    """Return the config of a job, its target expanded to an object that is ready for training.

    Raises 422 for a name without `@version` or an inline config that is none, 404 for a config or target that
    is not there, 409 for a target that is disabled or not downloaded.
    """
    if isinstance(reference, str):
        if "@" not in reference:
            raise invalid("config", f"'{reference}' has no version: write <namespace>/<name>@<version>")
        key = reference if "/" in reference else key_of("default", reference)
        config = platform.store.get(CONFIGS.kind, key)
        if config is None:
            raise api_error(404, f"{CONFIGS.kind} '{key}' not found")
    else:
        config = new_config({"namespace": namespace, **reference})
    config = expanded(platform.store, config)
    target = config.get("target")
    if not isinstance(target, dict):
        raise api_error(
            404, f"{TARGETS.kind} '{target}' not found" if target else "the config names no target"
        )
    name = f"{target['namespace']}/{target['name']}"
    if not target["enabled"]:
        raise api_error(409, f"Model {name} is disabled for customization")
    if target["status"] in ("created", "pending", "downloading"):
        raise api_error(409, f"Model {name} is downloading to cache, try again later")
    if target["status"] != "ready":
        raise api_error(409, f"Model {name} cannot be used, its status is {target['status']}")
    return config


def find_option(config: Document, hyperparameters: Document) -> Document:
    """Return the config's training option that the hyperparameters choose; raise 422 when there is none."""
    wanted = (hyperparameters["training_type"], hyperparameters["finetuning_type"])
    offered = [(one["training_type"], one["finetuning_type"]) for one in config["training_options"]]
    if wanted not in offered:
        raise invalid(
            "hyperparameters",
            f"the config has no training option {wanted[0]}/{wanted[1]}; it has "
            + ", ".join(f"{training}/{finetuning}" for training, finetuning in offered),
        )
    option: Document = config["training_options"][offered.index(wanted)]
    return option


def gpus_of(job: Document) -> int:
    """Return how many GPUs a job holds while it runs."""
    option = job["config_snapshot"]["training_option"]
    return int(option["num_gpus"] * (option.get("num_nodes") or 1))


def find_dataset(platform: Platform, sent: str | Document) -> tuple[str, str]:
    """Return the dataset as the job shows it, `namespace/name`, and the repository that holds its files.

    Both are the same unless an Entity Store dataset of that name says otherwise. Raises 404 without a
    repository.
    """
    try:
        if isinstance(sent, str):
            shown = parse_hf_url(sent).repo if sent.startswith("hf://") else sent
            shown = shown if "/" in shown else key_of("default", shown)
            url = None
        else:
            shown = key_of(sent.get("namespace") or "default", sent["name"])
            url = sent.get("files_url")
        entity = platform.store.get(DATASETS.kind, shown)
        url = url or (entity["files_url"] if entity else None)
        repo = parse_hf_url(url).repo if url else shown
    except ValueError as error:
        raise invalid("dataset", str(error)) from None
    if not platform.datastore.exists("dataset", repo):
        raise api_error(404, f"dataset '{shown}' not found: the Data Store has no repository {repo}")
    return shown, repo
