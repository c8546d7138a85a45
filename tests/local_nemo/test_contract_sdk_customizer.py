"""Customizer through NVIDIA's client, validated strictly; see `sdk_oracle.py`."""

import json
from collections.abc import Set
from typing import Any

import nemo_microservices as sdk
import pytest
from sdk_oracle import FOREIGN, HYPERPARAMETERS, NAMESPACE, OPTION, SECONDS, TIMES, Oracle, absent

from include.local_nemo.platform import Platform
from include.local_nemo.testing import wait_until


def test_customization_targets(oracle: Oracle) -> None:
    api, of = oracle.client.customization.targets, {"namespace": "own"}
    has = {
        "id",
        "name",
        "namespace",
        "base_model",
        "enabled",
        "model_path",
        "num_parameters",
        "precision",
        "status",
        *TIMES,
    }
    seeded = oracle.check(api.retrieve, "llama-3.2-1b-instruct@2.0", namespace="meta", has=has)
    assert (seeded.base_model, seeded.status) == (FOREIGN, "ready")
    oracle.check(
        api.create,
        name="llama@2.0+x",
        **of,
        base_model=FOREIGN,
        num_parameters=1_000_000_000,
        precision="bf16-mixed",
        model_uri="ngc://nvidia/nemo/llama:2.0",
        has={*has, "model_uri"},
    )
    oracle.check(api.update, "llama@2.0+x", **of, enabled=False, has=has)
    assert api.retrieve("llama@2.0+x", **of).enabled is False
    oracle.check_list(api.list, sdk.types.CustomizationTarget, has=has)
    api.delete("llama@2.0+x", **of)
    assert isinstance(json.loads(oracle.raw), dict)
    wait_until(lambda: absent(lambda: api.retrieve("llama@2.0+x", **of)))


def test_customization_configs(oracle: Oracle) -> None:
    api, of = oracle.client.customization.configs, {"namespace": NAMESPACE}
    name = "llama-3.2-1b-instruct@v1.0.0+dfw"
    has = {
        "id",
        "name",
        "namespace",
        "target.base_model",
        "training_options",
        "training_precision",
        "max_seq_length",
        *TIMES,
    }
    body = {"target": f"{FOREIGN}@2.0", "max_seq_length": 8192, "training_precision": "bf16-mixed"}
    oracle.check(api.create, name=name, **of, **body, training_options=[OPTION], has=has)
    oracle.check(api.retrieve, name, **of, has=has)
    oracle.check(api.update, name, **of, description="d", has={*has, "description"})
    oracle.check_list(api.list, sdk.types.CustomizationConfig, has=has, filter={"target_base_model": FOREIGN})
    with pytest.raises(sdk.ConflictError):
        api.create(name=name, **of, **body, training_options=[OPTION])
    api.delete(name, **of)
    assert isinstance(json.loads(oracle.raw), dict)
    assert absent(lambda: api.retrieve(name, **of))


STATUS_FIELDS = {"status", "status_logs", "percentage_done", "epochs_completed", "steps_completed", *TIMES}
JOB_FIELDS = {
    "id", "namespace", "config", "config_snapshot.base_model", "config_snapshot.training_option", "dataset",
    "hyperparameters.finetuning_type", "hyperparameters.lora.alpha", "output_model", "status", "custom_fields",
    *TIMES, *(f"status_details.{field}" for field in STATUS_FIELDS),
}  # fmt: skip


def test_customization_jobs(oracle: Oracle, dataset: str) -> None:
    api = oracle.client.customization.jobs
    made = start_customization(oracle, dataset, has=JOB_FIELDS)
    assert made.output_model == f"{NAMESPACE}/tuned@{made.id}"
    assert (made.dataset, made.status, made.config) == (
        dataset,
        "created",
        f"{NAMESPACE}/training@v1.0.0+dfw",
    )
    wait_until(lambda: oracle.check(api.retrieve, made.id, has=JOB_FIELDS).status == "completed", SECONDS)
    metrics = {
        "metrics.keys",
        "metrics.metrics.train_loss",
        "metrics.metrics.val_loss",
        "steps_per_epoch",
        "elapsed_time",
    }
    status = oracle.check(
        api.status, made.id, has=STATUS_FIELDS | metrics | {"train_loss", "val_loss", "best_epoch"}
    )
    assert (status.status, status.percentage_done, status.steps_completed) == ("completed", 100.0, 6)
    oracle.check(api.container_logs, made.id, has={"entries"})
    oracle.check_list(
        api.list,
        sdk.types.customization.CustomizationJob,
        has=JOB_FIELDS,
        filter={"status": "completed"},
    )

    entity = oracle.check(
        oracle.client.models.retrieve, f"tuned@{made.id}", namespace=NAMESPACE, has={"artifact.files_url"}
    )
    assert entity.artifact.status == "upload_completed"
    with pytest.raises(sdk.BadRequestError):
        api.cancel(made.id)
    with pytest.raises(sdk.NotFoundError):
        api.status("cust-nowhere")


def test_a_customization_job_that_waits_for_gpus_is_cancelled(
    oracle: Oracle, dataset: str, platform: Platform
) -> None:
    api = oracle.client.customization.jobs
    platform.cluster.adopt("somebody else", platform.cluster.total)
    made = start_customization(oracle, dataset)
    assert oracle.check(api.cancel, made.id, has=JOB_FIELDS).status in ("cancelling", "cancelled")
    wait_until(lambda: api.retrieve(made.id).status == "cancelled")
    platform.cluster.release("somebody else")


def start_customization(oracle: Oracle, dataset: str, has: Set[str] = frozenset()) -> Any:
    configs = oracle.client.customization.configs
    name = "training@v1.0.0+dfw"
    if absent(lambda: configs.retrieve(name, namespace=NAMESPACE)):
        target = f"{FOREIGN}@2.0"
        configs.create(
            name=name, namespace=NAMESPACE, target=target, max_seq_length=8192, training_options=[OPTION]
        )
    return oracle.check(
        oracle.client.customization.jobs.create,
        name="flywheel",
        config=f"{NAMESPACE}/{name}",
        dataset={"name": dataset.split("/")[1], "namespace": NAMESPACE},
        hyperparameters=HYPERPARAMETERS,
        output_model=f"{NAMESPACE}/tuned",
        has=has,
    )
