"""Entity Store and Deployment Management through NVIDIA's client, validated strictly; see `sdk_oracle.py`."""

import nemo_microservices as sdk
import pytest
from sdk_oracle import DELETED, FOREIGN, NAMESPACE, NIM, TIMES, Oracle

from include.local_nemo.testing import wait_until


def test_namespaces(oracle: Oracle) -> None:
    api = oracle.client.namespaces
    has = {"id", "description", "project", "custom_fields", "ownership", *TIMES}
    assert oracle.check(api.create, id=NAMESPACE, has=has).id == NAMESPACE
    oracle.check(api.retrieve, NAMESPACE, has=has)
    assert oracle.check(api.update, NAMESPACE, description="d", has=has).description == "d"
    oracle.check_list(api.list, sdk.types.Namespace, has=has)
    oracle.check(api.create, id="short-lived")
    oracle.check(api.delete, "short-lived", has=DELETED)
    with pytest.raises(sdk.NotFoundError):
        api.retrieve("short-lived")
    with pytest.raises(sdk.ConflictError):
        api.create(id=NAMESPACE)


def test_projects(oracle: Oracle) -> None:
    api, of = oracle.client.projects, {"namespace": NAMESPACE}
    has = {"id", "name", "namespace", "description", "custom_fields", *TIMES}
    oracle.check(api.create, name="my project", **of, has=has)
    oracle.check(api.retrieve, "my project", **of, has=has)
    # Typed as any object by the client, so looked at by hand.
    api.update("my project", **of, description="d")
    updated = sdk.types.Project.model_validate_json(oracle.raw, strict=True)
    assert (updated.name, updated.description) == ("my project", "d")
    oracle.check_list(api.list, sdk.types.Project, has=has)
    oracle.check(api.delete, "my project", **of, has=DELETED)
    with pytest.raises(sdk.NotFoundError):
        api.retrieve("my project", **of)


def test_datasets(oracle: Oracle) -> None:
    api, of = oracle.client.datasets, {"namespace": NAMESPACE}
    has = {"id", "name", "namespace", "files_url", "project", "description", "custom_fields", *TIMES}
    made = oracle.check(api.create, name="d", files_url="hf://datasets/shop/d", project="p", **of, has=has)
    assert made.id.startswith("dataset-")
    oracle.check(api.retrieve, "d", **of, has=has)
    assert oracle.check(api.update, "d", **of, limit=5, has=has).limit == 5
    oracle.check_list(api.list, sdk.types.Dataset, has=has, filter={"namespace": NAMESPACE})
    oracle.check(api.delete, "d", **of, has=DELETED)
    with pytest.raises(sdk.UnprocessableEntityError) as refused:
        oracle.client.post("/v1/datasets", body={"name": "x"}, cast_to=object)
    sdk.types.HTTPValidationError.model_validate(refused.value.body, strict=True)


def test_models(oracle: Oracle) -> None:
    api, of = oracle.client.models, {"namespace": NAMESPACE}
    name = "customized-llama-3.2@cust-FarcM8gwhL1XFDXQ57qGLL"
    has = {"id", "name", "namespace", "base_model", "spec", "artifact.status", "peft.finetuning_type", *TIMES}
    body = {
        "base_model": FOREIGN,
        "spec": {
            "num_parameters": 1_000_000_000,
            "context_size": 8192,
            "num_virtual_tokens": 0,
            "is_chat": True,
        },
        "artifact": {
            "gpu_arch": "Ampere",
            "precision": "bf16-mixed",
            "tensor_parallelism": 1,
            "backend_engine": "nemo",
            "status": "upload_completed",
            "files_url": f"hf://{NAMESPACE}/{name}",
        },
        "peft": {"finetuning_type": "lora"},
    }
    oracle.check(api.create, name=name, **of, **body, has=has)
    assert oracle.check(api.retrieve, name, **of, has=has).artifact.status == "upload_completed"
    assert oracle.check(api.update, name, **of, description="d", has=has).description == "d"
    oracle.check_list(api.list, sdk.types.Model, has=has, filter={"namespace": NAMESPACE, "peft": True})
    oracle.check(api.delete, name, **of, has=DELETED)
    with pytest.raises(sdk.NotFoundError):
        api.delete(name, **of)


def test_deployment_configs(oracle: Oracle) -> None:
    api, of = oracle.client.deployment.configs, {"namespace": NAMESPACE}
    has = {"name", "namespace", "nim_deployment.gpu", "nim_deployment.image_name", *TIMES}
    oracle.check(api.create, name="c@v1+80GB", **of, model=FOREIGN, nim_deployment=NIM, has=has)
    oracle.check(api.retrieve, "c@v1+80GB", **of, has=has)
    oracle.check(api.update, "c@v1+80GB", **of, description="d", has={*has, "description"})
    oracle.check_list(api.list, sdk.types.DeploymentConfig, has=has)
    oracle.check(api.delete, "c@v1+80GB", **of, has=DELETED)


def test_model_deployments(oracle: Oracle) -> None:
    api, of = oracle.client.deployment.model_deployments, {"namespace": NAMESPACE}
    has = {
        "name", "namespace", "created_at", "async_enabled", "deployed", "url", "config.model",
        "config.nim_deployment.image_tag", "status_details.status", "status_details.description",
    }  # fmt: skip
    config = {"model": FOREIGN, "nim_deployment": NIM}
    made = oracle.check(api.create, name="passing", **of, config=config, hf_token="hf_x", has=has)
    assert (made.status_details.status, made.url, made.deployed) == ("pending", "", False)
    wait_until(lambda: oracle.check(api.retrieve, "passing", **of, has=has).status_details.status == "ready")
    assert api.retrieve("passing", **of).deployed is True
    oracle.check(api.update, "passing", **of, description="d", has={*has, "description"})
    oracle.check_list(api.list, sdk.types.deployment.ModelDeployment, has=has)
    with pytest.raises(sdk.InternalServerError, match="model deployment already exists"):
        api.create(name="passing", **of, config=config)
    oracle.check(api.delete, "passing", **of, has=DELETED)
    with pytest.raises(sdk.NotFoundError):
        api.retrieve("passing", **of)
