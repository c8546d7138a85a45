"""What a customization job is asked: config, hyperparameters, names (the v1 wire shape)."""

import hashlib
from typing import Any

import orjson

from include.flywheel.config_models import NimConfig
from include.flywheel.config_sections import TrainingSettings
from include.flywheel.config_types import slug

#: Of each readable part of a name; a repository name may have 96 characters together with its namespace.
_PART_LENGTH = 24


def customization_config(nim: NimConfig, training: TrainingSettings, namespace: str) -> dict[str, Any]:
    """Return the body that creates a candidate's customization config.

    Its name ends in a hash of all settings, hyperparameters included: a config of that name that exists
    already is this one, and changed settings never meet an old one.
    """
    body = _config_settings(nim, training)
    return {"name": config_name(nim, training), "namespace": namespace, **body}


def config_name(nim: NimConfig, training: TrainingSettings) -> str:
    """Return the config's name, such as `llama-3.2-1b-instruct@v1.0.0+5f3a09c1`."""
    settings = {**_config_settings(nim, training), "hyperparameters": hyperparameters(training)}
    return f"{nim.name.rsplit('/', 1)[-1]}@v1.0.0+{_hash(settings, 8)}"


def hyperparameters(training: TrainingSettings) -> dict[str, Any]:
    """Return the hyperparameters as the Customizer takes them."""
    values: dict[str, Any] = {
        "training_type": training.training_type,
        "finetuning_type": training.finetuning_type,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
    }
    if training.seed is not None:
        values["seed"] = training.seed
    if training.finetuning_type != "all_weights":
        values["lora"] = {"adapter_dim": training.adapter_dim, "adapter_dropout": training.adapter_dropout}
        if training.adapter_alpha is not None:
            values["lora"]["alpha"] = training.adapter_alpha
    return values


def output_model_name(
    nim: NimConfig, training: TrainingSettings, *, workload_id: str, dataset: str, run_identity: str
) -> str:
    """Return the name of the model that a training makes, without namespace and version.

    It is the same for every try of one run, and another one for another run, dataset, workload or
    setting: runs never overwrite each other's models. `run_identity` is whatever names the run over
    retries (DAG id and run id).
    """
    identity = {
        "run": run_identity,
        "workload": workload_id,
        "dataset": dataset,
        "config": config_name(nim, training),
    }
    return f"flywheel-{_part(workload_id)}-{_part(nim.name)}-{_hash(identity, 12)}"


def _config_settings(nim: NimConfig, training: TrainingSettings) -> dict[str, Any]:
    customizer = nim.customizer
    return {
        "target": customizer.target,
        "training_options": [
            {
                "training_type": training.training_type,
                "finetuning_type": training.finetuning_type,
                "num_gpus": customizer.gpus,
                "num_nodes": customizer.num_nodes,
                "tensor_parallel_size": customizer.tensor_parallel_size,
                "data_parallel_size": customizer.data_parallel_size,
                "use_sequence_parallel": customizer.use_sequence_parallel,
                "micro_batch_size": customizer.micro_batch_size,
            }
        ],
        "training_precision": customizer.training_precision,
        "max_seq_length": customizer.max_seq_length,
    }


def _part(name: str) -> str:
    return slug(name)[:_PART_LENGTH].strip("-")


def _hash(value: Any, length: int) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:length]
