"""Entity Store: what it accepts, refuses and remembers."""

from typing import Any

import httpx
import pytest

ENTITIES: dict[str, dict[str, Any]] = {
    "/v1/projects": {"name": "p", "namespace": "shop"},
    "/v1/datasets": {"name": "d", "namespace": "shop", "files_url": "hf://datasets/shop/d"},
    "/v1/models": {"name": "m", "namespace": "shop", "base_model": "meta/llama-3.2-1b-instruct"},
    "/v1/deployment/configs": {
        "name": "c",
        "namespace": "shop",
        "nim_deployment": {"gpu": 1, "image_name": "nvcr.io/nim/meta/x", "image_tag": "1"},
    },
}
ODD_NAMES = ["llama@v1.0.0+dfw", "customized-llama-3.2@cust-FarcM8gwhL1XFDXQ57qGLL", "with space", "a%b"]


@pytest.mark.parametrize("path", ENTITIES)
def test_an_entity_lives_from_create_to_delete(nemo: httpx.Client, path: str) -> None:
    body = ENTITIES[path]
    own = f"{path}/shop/{body['name']}"
    created = nemo.post(path, json=body)
    assert created.status_code == 200
    assert nemo.get(own).json() == created.json()
    assert body.items() <= created.json().items()

    changed = nemo.patch(own, json={"description": "new", "custom_fields": {"run": "7"}})
    assert changed.status_code == 200
    assert changed.json()["description"] == "new"
    assert changed.json()["updated_at"] > created.json()["updated_at"]
    assert nemo.get(own).json() == changed.json()

    deleted = nemo.delete(own)
    assert deleted.status_code == 200
    assert deleted.json()["message"] == "Resource deleted successfully."
    assert deleted.json()["id"] == created.json()["id"]
    for call in (nemo.get, nemo.delete):
        assert call(own).status_code == 404
        assert isinstance(call(own).json()["detail"], str)
    assert nemo.patch(own, json={}).status_code == 404


@pytest.mark.parametrize("path", ENTITIES)
def test_a_name_is_taken_once_in_a_namespace(nemo: httpx.Client, path: str) -> None:
    body = {**ENTITIES[path], "name": "twice"}
    assert nemo.post(path, json=body).status_code == 200
    again = nemo.post(path, json=body)
    assert again.status_code == 409
    assert "already exists" in again.json()["detail"]
    assert nemo.post(path, json={**body, "namespace": "elsewhere"}).status_code == 200


@pytest.mark.parametrize("path", ENTITIES)
def test_id_and_times_are_the_platforms_own(nemo: httpx.Client, path: str) -> None:
    past = "2000-01-01T00:00:00"
    theirs = {"id": "mine", "created_at": past, "updated_at": past}
    body = {**ENTITIES[path], "name": "timed"}
    own = f"{path}/shop/timed"
    made = nemo.post(path, json={**body, **theirs}).json()
    assert made["id"] != "mine"
    assert made["created_at"] == made["updated_at"] > "2020"
    changed = nemo.patch(own, json={"created_at": past, "updated_at": 5, "id": made["id"]}).json()
    assert {**changed, "updated_at": ""} == {**made, "updated_at": ""}
    assert changed["updated_at"] > made["updated_at"]
    assert nemo.patch(own, json={"id": "mine"}).status_code == 422


@pytest.mark.parametrize("path", ENTITIES)
def test_null_takes_a_field_away(nemo: httpx.Client, path: str) -> None:
    nemo.post(path, json={**ENTITIES[path], "name": "nulled", "description": "d", "custom_fields": {"a": 1}})
    changed = nemo.patch(f"{path}/shop/nulled", json={"description": None, "custom_fields": None}).json()
    assert not changed.get("description")
    assert not changed.get("custom_fields")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_signs_in_a_name_survive_the_path(nemo: httpx.Client, name: str) -> None:
    nemo.post("/v1/models", json={"name": name, "namespace": "odd"}).raise_for_status()
    # httpx leaves @ and + as they are, as the official client does.
    assert nemo.get(f"/v1/models/odd/{name.replace('%', '%25')}").json()["name"] == name
    assert nemo.delete(f"/v1/models/odd/{name.replace('%', '%25')}").status_code == 200


def test_an_entity_without_a_name_is_named_by_its_id_in_the_default_namespace(nemo: httpx.Client) -> None:
    made = nemo.post("/v1/models", json={}).json()
    assert made["name"] == made["id"]
    assert made["id"].startswith("model-")
    assert made["namespace"] == "default"


def test_a_patch_may_repeat_the_identity_but_not_change_it(nemo: httpx.Client) -> None:
    body = {**ENTITIES["/v1/datasets"], "name": "whole"}
    nemo.post("/v1/datasets", json=body).raise_for_status()
    whole = nemo.patch("/v1/datasets/shop/whole", json={**body, "files_url": "hf://datasets/shop/other"})
    assert whole.status_code == 200
    assert whole.json()["files_url"] == "hf://datasets/shop/other"
    renamed = nemo.patch("/v1/datasets/shop/whole", json={"name": "other"})
    assert renamed.status_code == 422
    assert renamed.json()["detail"][0]["loc"] == ["body", "name"]


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/v1/datasets", {"name": "x"}, ["body", "files_url"]),
        ("/v1/namespaces", {}, ["body", "id"]),
        ("/v1/models", {"spec": {"context_size": 1, "is_chat": True, "num_virtual_tokens": 0}}, ["body", "spec", "num_parameters"]),
        ("/v1/models", {"peft": {"finetuning_type": "lora", "lora": {"alpha": 1}}}, ["body", "peft", "lora", "apply_lora_to_mlp"]),
        ("/v1/models", {"artifact": {"files_url": "x", "status": "ready"}}, ["body", "artifact", "status"]),
        ("/v1/models", {"api_endpoint": {"url": "x"}}, ["body", "api_endpoint", "model_id"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_named(
    nemo: httpx.Client, path: str, body: dict[str, object], where: list[str]
) -> None:
    answer = nemo.post(path, json=body)
    assert answer.status_code == 422
    errors = answer.json()["detail"]
    assert errors[0]["loc"] == where
    assert {"loc", "msg", "type"} <= errors[0].keys()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"text"'])
def test_a_body_that_is_no_object_is_refused(nemo: httpx.Client, content: bytes) -> None:
    answer = nemo.post("/v1/projects", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body"]


def test_a_change_is_checked_as_the_whole_it_leads_to(nemo: httpx.Client) -> None:
    nemo.post("/v1/models", json={"name": "checked", "namespace": "shop"}).raise_for_status()
    answer = nemo.patch("/v1/models/shop/checked", json={"spec": {"context_size": 1}})
    assert answer.status_code == 422
    assert "spec" not in nemo.get("/v1/models/shop/checked").json()


def test_a_namespace_is_its_own_id_and_leaves_its_entities_behind(nemo: httpx.Client) -> None:
    made = nemo.post("/v1/namespaces", json={"id": "team-docs"})
    assert made.status_code == 200
    assert made.json()["id"] == "team-docs"
    assert made.json().keys() == {
        "id", "created_at", "updated_at", "description", "project", "custom_fields", "ownership",
    }  # fmt: skip
    assert nemo.post("/v1/namespaces", json={"id": "team-docs"}).status_code == 409
    nemo.post("/v1/projects", json={"name": "kept", "namespace": "team-docs"}).raise_for_status()
    assert nemo.patch("/v1/namespaces/team-docs", json={"description": "d"}).json()["description"] == "d"
    assert nemo.delete("/v1/namespaces/team-docs").json()["id"] == "team-docs"
    assert nemo.get("/v1/namespaces/team-docs").status_code == 404
    assert nemo.get("/v1/projects/team-docs/kept").status_code == 200


def test_times_of_the_entity_store_have_microseconds_and_no_zone(nemo: httpx.Client) -> None:
    made = nemo.post("/v1/projects", json={}).json()
    assert len(made["created_at"]) == len("2025-04-18T02:59:14.378917")
    assert made["created_at"] == made["updated_at"]
