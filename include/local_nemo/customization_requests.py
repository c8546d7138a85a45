"""What a client asks for when it creates a customization job, checked against what the platform has."""

from typing import Literal

from pydantic import Field

from include.local_nemo.customization_configs import CONFIGS, ConfigBody, expanded
from include.local_nemo.customization_hyperparameters import Hyperparameters
from include.local_nemo.customization_targets import TARGETS
from include.local_nemo.datastore import parse_hf_url
from include.local_nemo.entities import DATASETS
from include.local_nemo.parts import Entity, NameOr, Part
from include.local_nemo.platform import Platform
from include.local_nemo.resources import key_of, new_document
from include.local_nemo.wire import Document, api_error, invalid


class DatasetReference(Part):
    """A dataset named by its parts, or by the address of its files."""

    name: str | None = None
    namespace: str | None = None
    files_url: str | None = None


class FunctionParameter(Part):
    """One parameter of a tool."""

    type: str
    description: str | None = None


class FunctionParameters(Part):
    """The parameters of a tool."""

    additional_properties: bool | None = Field(None, alias="additionalProperties")
    properties: dict[str, FunctionParameter] | None = None
    required: list[str] | None = None
    type: Literal["object"] | None = None


class Function(Part):
    """What a tool does."""

    name: str
    description: str
    parameters: FunctionParameters
    required: list[str] | None = None
    strict: bool | None = None


class Tool(Part):
    """A tool."""

    function: Function
    type: Literal["function"] | None = None


class DatasetParameters(Part):
    """How the rows of the dataset are read."""

    tools: list[Tool] | None = None
    in_batch_negatives: bool | None = None
    num_hard_negatives: int | None = None
    negative_sample_strategy: str | None = None


class Wandb(Part):
    """A run of Weights & Biases; its key comes in a header, and is not kept."""

    entity: str | None = None
    notes: str | None = None
    project: str | None = None
    tags: list[str] | None = None


class Integration(Part):
    """Who else is told of the training; kept and shown, without an effect here."""

    wandb: Wandb
    type: Literal["wandb"] | None = None


class JobBody(Entity):
    """A customization job."""

    # No part of any path, so anything goes.
    name: str | None = None
    config: NameOr[ConfigBody]
    dataset: NameOr[DatasetReference]
    hyperparameters: Hyperparameters
    output_model: str | None = Field(None, pattern=r"^[^/@\s]+(/[^/@\s]+)?(@[^/\s]+)?$")
    dataset_parameters: DatasetParameters | None = None
    integrations: list[Integration] | None = None


def find_config(platform: Platform, reference: str | Document, namespace: str | None) -> Document:
    """Return the config of a job, its target expanded to an object that is ready for training.

    Raises 422 for a name without `@version`, 404 for a config or target that is not there, 409 for a target
    that is disabled or not downloaded.
    """
    if isinstance(reference, str):
        if "@" not in reference:
            raise invalid("config", f"'{reference}' has no version: write <namespace>/<name>@<version>")
        key = reference if "/" in reference else key_of("default", reference)
        config = platform.store.get(CONFIGS.kind, key)
        if config is None:
            raise CONFIGS.absent(key)
    else:
        config = new_document(CONFIGS, {"namespace": namespace, **reference})
    config = expanded(platform.store, config)
    target = config.get("target")
    if not isinstance(target, dict):
        raise api_error(
            404, f"{TARGETS.kind} '{target}' not found" if target else "the config names no target"
        )
    name = f"{target['namespace']}/{target['name']}"
    if not target["enabled"]:
        raise api_error(409, f"Model {name} is disabled for customization")
    if target["status"] != "ready":
        raise api_error(409, f"Model {name} is downloading to cache, try again later")
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
            url = sent.get("files_url")
            if sent.get("name"):
                shown = key_of(sent.get("namespace") or "default", sent["name"])
            elif url:
                shown = parse_hf_url(url).repo
            else:
                raise invalid("dataset.name", "Field required", "missing")
        entity = platform.store.get(DATASETS.kind, shown)
        url = url or (entity["files_url"] if entity else None)
        repo = parse_hf_url(url).repo if url else shown
    except ValueError as error:
        raise invalid("dataset", str(error)) from None
    if not platform.datastore.exists("dataset", repo):
        raise api_error(404, f"dataset '{shown}' not found: the Data Store has no repository {repo}")
    return shown, repo
