"""What bodies may hold: as much as NVIDIA's client can send, and nothing that it could not read back."""

import nemo_microservices.types as sdk
import orjson
import pytest
from fastapi.exceptions import RequestValidationError
from nemo_microservices.types import customization
from nemo_microservices.types.deployment import ModelDeployment
from sdk_oracle import NIM, OPTION
from sdk_samples import right, wrong

from include.local_nemo import (
    customization_configs,
    customization_hyperparameters,
    customization_requests,
    customization_targets,
    deployments,
    entities,
    evaluation_entities,
    rollout,
)
from include.local_nemo.resources import changed_document, new_document
from include.local_nemo.wire import validated

DEPTH = 3
RESOURCES = [
    (entities.NAMESPACES, {"id": "n"}, sdk.Namespace),
    (entities.PROJECTS, {}, sdk.Project),
    (entities.DATASETS, {"files_url": "hf://datasets/a/b"}, sdk.Dataset),
    (entities.MODELS, {}, sdk.Model),
    (
        customization_targets.TARGETS,
        {"num_parameters": 1, "precision": "bf16"},
        sdk.CustomizationTarget,
    ),
    (
        customization_configs.CONFIGS,
        {"max_seq_length": 8, "training_options": [OPTION]},
        sdk.CustomizationConfig,
    ),
    (evaluation_entities.CONFIGS, {"type": "custom"}, sdk.EvaluationConfig),
    (evaluation_entities.TARGETS, {"type": "model"}, sdk.EvaluationTarget),
    (evaluation_entities.RESULTS, {"job": "eval-x"}, sdk.EvaluationResult),
    (deployments.CONFIGS, {"nim_deployment": NIM}, sdk.DeploymentConfig),
    (deployments.DEPLOYMENTS, {"config": {"nim_deployment": NIM}}, ModelDeployment),
]
EACH = pytest.mark.parametrize(
    ("resource", "body", "model"), RESOURCES, ids=[resource.kind for resource, *_ in RESOURCES]
)


def answer(resource, doc):
    """Return the document as it goes over the wire."""
    if resource is deployments.DEPLOYMENTS:
        doc = rollout.pending("uid", doc, None, 0, "created")["answer"]
    return orjson.dumps(doc)


def deep(body):
    """Return whether a body describes guardrails in detail, which are kept as they come."""
    return b'"guardrails"' in (raw := orjson.dumps(body)) and b'"data"' in raw


@EACH
def test_whatever_is_accepted_can_be_read_by_the_official_client(resource, body, model):
    stored = new_document(resource, body)
    refused = 0
    for sent in wrong(model, DEPTH):
        for make in (
            lambda sent=sent: new_document(resource, {**body, **sent}),
            lambda sent=sent: changed_document(resource, stored, sent),
        ):
            try:
                doc = make()
            except RequestValidationError:
                refused += 1
                continue
            if not deep(sent):
                model.model_validate_json(answer(resource, doc), strict=True)
    assert refused


@EACH
def test_whatever_the_official_client_can_send_is_accepted(resource, body, model):
    stored = new_document(resource, body)
    for sent in right(model, DEPTH):
        if "config" in sent and resource is deployments.DEPLOYMENTS:
            continue  # it types no config as deploying nothing, but one that does cannot be deployed
        new_document(resource, {**body, **sent})
        changes = {name: value for name, value in sent.items() if name not in ("id", "name", "namespace")}
        changed_document(resource, stored, changes)


PARTS = pytest.mark.parametrize(
    ("part", "body", "model"),
    [
        (
            customization_hyperparameters.Hyperparameters,
            {"finetuning_type": "lora"},
            customization.Hyperparameters,
        ),
        (customization_requests.DatasetParameters, {}, customization.DatasetParameters),
        (customization_requests.Integration, {"wandb": {}}, customization.WandBIntegration),
    ],
    ids=["hyperparameters", "dataset parameters", "integration"],
)


@PARTS
def test_the_parts_of_a_customization_job_can_be_read_by_the_official_client(part, body, model):
    for sent in wrong(model, DEPTH):
        try:
            checked = validated(part, {**body, **sent})
        except RequestValidationError:
            continue
        model.model_validate_json(orjson.dumps(checked), strict=True)


@PARTS
def test_the_parts_of_a_customization_job_may_be_what_the_official_client_can_send(part, body, model):
    for sent in right(model, DEPTH):
        validated(part, {**body, **sent})


def refusal(client, path, body):
    """Return the first error of a 422."""
    answer = client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    return answer.json()["detail"][0]


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/evaluation/jobs", {"config": {"type": "custom"}, "target": {}}, ["target", "type"]),
        ("/v1/evaluation/jobs", {"config": {}, "target": "a/b"}, ["config", "type"]),
        ("/v1/evaluation/jobs", {"config": 5, "target": "a/b"}, ["config"]),
        (
            "/v1/evaluation/live",
            {"config": {"type": "custom", "tasks": {"t": {"type": 5}}}, "target": "a/b"},
            ["config", "tasks", "t", "type"],
        ),
        (
            "/v1/customization/jobs",
            {"config": {}, "dataset": "a/b", "hyperparameters": {"finetuning_type": "lora"}},
            ["config", "max_seq_length"],
        ),
        (
            "/v1/customization/configs",
            {"max_seq_length": 1, "training_options": [OPTION], "target": {"precision": "bf16"}},
            ["target", "num_parameters"],
        ),
        (
            "/v1/deployment/model-deployments",
            {"config": {"nim_deployment": {**NIM, "gpu": "many"}}},
            ["config", "nim_deployment", "gpu"],
        ),
        ("/v1/deployment/model-deployments", {"config": {}}, ["config"]),
        ("/v1/evaluation/jobs", {"config": {"object": {}, "name": "x"}, "target": "a/b"}, ["config", "type"]),
        ("/v1/deployment/model-deployments", {"config": None}, ["config"]),
        (
            "/v1/evaluation/targets",
            {"type": "model", "model": {"api_endpoint": {"url": "x"}}},
            ["model", "api_endpoint", "model_id"],
        ),
    ],
)
def test_an_error_inside_an_object_is_named_by_its_whole_place(nemo, path, body, where):
    assert refusal(nemo, path, body)["loc"] == ["body", *where]


NAMED = {resource.path: (resource, body) for resource, body, _ in RESOURCES if "name" in resource.key}


@pytest.mark.parametrize("path", NAMED)
@pytest.mark.parametrize("name", ["", "a/b", ".", ".."])
def test_a_name_that_no_path_could_hold_is_refused(nemo, path, name):
    body = NAMED[path][1]
    assert refusal(nemo, path, {**body, "name": name})["loc"] == ["body", "name"]
    assert refusal(nemo, path, {**body, "namespace": name})["loc"] == ["body", "namespace"]


def test_a_namespace_that_no_path_could_hold_is_refused(nemo, data_store):
    for name in ("", "a/b"):
        assert refusal(nemo, "/v1/namespaces", {"id": name})["loc"] == ["body", "id"]
        where = refusal(data_store, "/v1/datastore/namespaces", {"namespace": name})["loc"]
        assert where == ["body", "namespace"]


def test_a_refusal_does_not_repeat_what_was_sent(nemo):
    body = {"type": "model", "model": {"api_endpoint": {"url": "http://x", "api_key": "a secret"}}}
    answer = nemo.post("/v1/evaluation/targets", json=body)
    assert answer.status_code == 422
    assert "a secret" not in answer.text


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"inner": value}
    return value


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/datasets", {"files_url": "x", "limit": str(10**30)}, ["body", "limit"]),
        ("/v1/customization/targets", {"num_parameters": 10**30, "precision": "bf16"}, ["body", "num_parameters"]),
        ("/v1/projects", {"custom_fields": nested(300)}, ["body"]),
        ("/v1/projects", {"description": nested(600)}, ["body"]),
    ],
)  # fmt: skip
def test_what_no_json_document_can_keep_is_refused(nemo, path, body, where):
    assert refusal(nemo, path, body)["loc"] == where


def test_a_deeply_nested_field_within_the_bound_is_kept_everywhere(nemo):
    fields = nested(90)
    made = nemo.post("/v1/projects", json={"name": "deep", "custom_fields": fields}).json()
    assert made["custom_fields"] == fields
    listed = nemo.get("/v1/projects", params={"filter[name]": "deep"}).json()
    assert listed["data"][0]["custom_fields"] == fields
