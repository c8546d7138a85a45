from typing import Any

from include.flywheel.config import FlywheelConfig, parse_config
from include.flywheel.customization import (
    config_name,
    customization_config,
    hyperparameters,
    output_model_name,
)
from include.flywheel.deployment import deployment_body


def config(**training: Any) -> FlywheelConfig:
    customizer = {"target": "meta/llama-1b@2.0", "gpus": 2, "max_seq_length": 8192}
    nim = {
        "model_name": "meta/llama-1b",
        "context_length": 8192,
        "gpus": 1,
        "pvc_size": "25Gi",
        "tag": "1.8.3",
        "customization_enabled": True,
        "customizer_configs": customizer,
    }
    return parse_config({"nims": [nim], "training_config": training}, source="x")


def name(**training: Any) -> str:
    made = config(**training)
    return config_name(made.candidates[0], made.training_for(made.candidates[0]))


def output_model(*, workload: str = "w", dataset: str = "ds", run: str = "dag/run", **training: Any) -> str:
    made = config(**training)
    nim = made.candidates[0]
    return output_model_name(
        nim, made.training_for(nim), workload_id=workload, dataset=dataset, run_identity=run
    )


def test_changed_hyperparameters_make_another_config_and_another_model() -> None:
    assert name() == name(epochs=2)
    assert name() != name(epochs=3)
    assert name(seed=0) != name()
    assert output_model(epochs=3) != output_model()


def test_a_config_name_has_a_version() -> None:
    model, version = name().split("@")
    assert model == "llama-1b"
    assert version.startswith("v1.0.0+")
    assert len(version) == len("v1.0.0+") + 8


def test_a_retry_names_the_same_model_and_another_run_another_one() -> None:
    assert output_model() == output_model()
    assert (
        len(
            {
                output_model(),
                output_model(run="dag/other"),
                output_model(dataset="d2"),
                output_model(workload="v"),
            }
        )
        == 4
    )


def test_a_long_name_still_fits_a_repository() -> None:
    made = output_model(workload="W/" + "very long workload " * 9)
    assert len(made) <= 80
    assert made == made.lower()
    assert "--" not in made


def test_the_customization_bodies_have_the_wire_shape() -> None:
    made = config(seed=0)
    nim, training = made.candidates[0], made.training_for(made.candidates[0])
    body = customization_config(nim, training, "ns")
    assert body == {
        "name": config_name(nim, training),
        "namespace": "ns",
        "target": "meta/llama-1b@2.0",
        "training_options": [
            {
                "training_type": "sft",
                "finetuning_type": "lora",
                "num_gpus": 2,
                "num_nodes": 1,
                "tensor_parallel_size": 1,
                "data_parallel_size": 1,
                "use_sequence_parallel": False,
                "micro_batch_size": 1,
            }
        ],
        "training_precision": "bf16-mixed",
        "max_seq_length": 8192,
    }
    assert hyperparameters(training) == {
        "training_type": "sft",
        "finetuning_type": "lora",
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "seed": 0,
        "lora": {"adapter_dim": 32, "adapter_dropout": 0.1},
    }


def test_the_deployment_body_has_the_wire_shape() -> None:
    assert deployment_body(config().candidates[0], "ns") == {
        "name": "meta-llama-1b",
        "namespace": "ns",
        "config": {
            "model": "meta/llama-1b",
            "nim_deployment": {
                "image_name": "nvcr.io/nim/meta/llama-1b",
                "image_tag": "1.8.3",
                "gpu": 1,
                "additional_envs": {"NIM_GUIDED_DECODING_BACKEND": "outlines"},
                "pvc_size": "25Gi",
            },
        },
    }
