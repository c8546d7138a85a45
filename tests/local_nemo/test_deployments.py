"""Deployment Management: from pending to ready or failed, and gone again."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform, wait_until

PATH = "/v1/deployment/model-deployments"
MODEL = "meta/llama-3.2-1b-instruct"
LONG = 3600.0


def body(name: str, gpus: int = 1, model: str = MODEL) -> dict[str, Any]:
    nim: dict[str, Any] = {
        "image_name": f"nvcr.io/nim/{model}",
        "image_tag": "1.8.3",
        "gpu": gpus,
        "pvc_size": "25Gi",
    }
    nim["additional_envs"] = {"NIM_GUIDED_DECODING_BACKEND": "outlines"}
    return {"name": name, "namespace": "shop", "config": {"model": model, "nim_deployment": nim}}


CONFIG = {
    "model": MODEL,
    "nim_deployment": {"image_name": f"nvcr.io/nim/{MODEL}", "image_tag": "1", "gpu": 1},
}


def status(nemo: httpx.Client, name: str) -> str:
    answer = nemo.get(f"{PATH}/shop/{name}").json()
    return str(answer["status_details"]["status"])


def ready(nemo: httpx.Client, name: str) -> None:
    wait_until(lambda: status(nemo, name) == "ready")


def gone(nemo: httpx.Client, name: str) -> bool:
    return nemo.get(f"{PATH}/shop/{name}").status_code == 404


@pytest.fixture
def small() -> Iterator[tuple[Platform, httpx.Client]]:
    """A platform of two GPUs."""
    with (
        running_platform(gpus=2, models={MODEL: "local/student-s"}) as platform,
        httpx.Client(base_url=platform.nemo_url) as client,
    ):
        yield platform, client


def test_create_answers_pending_with_an_empty_url_and_then_it_is_ready(
    nemo: httpx.Client, platform: Platform
) -> None:
    created = nemo.post(PATH, json={**body("one.1"), "hf_token": "never shown"})
    assert created.status_code == 200
    answer = created.json()
    assert answer["status_details"] == {"status": "pending", "description": "Model deployment created"}
    assert (answer["deployed"], answer["url"], answer["async_enabled"]) == (False, "", False)
    assert answer["config"] == body("one.1")["config"]
    assert "id" not in answer
    assert "never shown" not in created.text
    assert len(answer["created_at"]) == len("2025-04-01T21:38:59.494256552Z")
    assert answer["created_at"].endswith("Z")

    ready(nemo, "one.1")
    now_ready = nemo.get(f"{PATH}/shop/one.1").json()
    assert (now_ready["deployed"], now_ready["url"]) == (True, "")
    said = 'Deployment "modeldeployment-shop-one-1" successfully rolled out.'
    assert now_ready["status_details"]["description"] == said
    assert sum(platform.cluster.in_use().values()) == 1
    assert nemo.get("/local/cluster").json()["in_use"] == 1

    deleted = nemo.delete(f"{PATH}/shop/one.1")
    assert (deleted.status_code, deleted.json()["message"]) == (200, "Resource deleted successfully.")
    assert gone(nemo, "one.1")
    assert nemo.delete(f"{PATH}/shop/one.1").status_code == 404
    assert platform.cluster.in_use() == {}


def test_a_duplicate_is_a_500_with_the_words_that_clients_look_for(nemo: httpx.Client) -> None:
    nemo.post(PATH, json=body("twice")).raise_for_status()
    again = nemo.post(PATH, json=body("twice"))
    assert again.status_code == 500
    assert "model deployment already exists" in again.text
    nemo.delete(f"{PATH}/shop/twice").raise_for_status()
    with running_platform(duplicate_deployment_status=409, image_pull=LONG) as newer:
        assert httpx.post(newer.nemo_url + PATH, json=body("twice")).status_code == 200
        assert httpx.post(newer.nemo_url + PATH, json=body("twice")).status_code == 409


def test_a_deployment_waits_until_its_gpus_are_free(small: tuple[Platform, httpx.Client]) -> None:
    platform, nemo = small
    nemo.post(PATH, json=body("first", 2)).raise_for_status()
    ready(nemo, "first")
    for name in ("second", "third"):
        nemo.post(PATH, json=body(name, 2)).raise_for_status()
        wait_until(lambda: platform.cluster.waiting())
    wait_until(lambda: len(platform.cluster.waiting()) == 2)
    assert status(nemo, "second") == status(nemo, "third") == "pending"
    # Deleted while it waits: it neither gets GPUs nor keeps others from them.
    nemo.delete(f"{PATH}/shop/second").raise_for_status()
    nemo.delete(f"{PATH}/shop/first").raise_for_status()
    ready(nemo, "third")
    assert sum(platform.cluster.in_use().values()) == 2
    nemo.delete(f"{PATH}/shop/third").raise_for_status()
    assert platform.cluster.in_use() == {}


def test_more_gpus_than_the_cluster_has_fail_with_the_reason(small: tuple[Platform, httpx.Client]) -> None:
    platform, nemo = small
    nemo.post(PATH, json=body("huge", 3)).raise_for_status()
    wait_until(lambda: status(nemo, "huge") == "failed")
    answer = nemo.get(f"{PATH}/shop/huge").json()
    assert "NotEnoughResources: 3 GPUs requested" in answer["status_details"]["description"]
    assert answer["deployed"] is False
    assert platform.cluster.in_use() == {}


def test_an_unknown_model_fails_as_an_image_that_cannot_be_pulled(
    small: tuple[Platform, httpx.Client],
) -> None:
    platform, nemo = small
    nemo.post(PATH, json=body("unknown", 1, "nobody/knows")).raise_for_status()
    wait_until(lambda: status(nemo, "unknown") == "failed")
    assert "nobody/knows" in nemo.get(f"{PATH}/shop/unknown").json()["status_details"]["description"]
    assert platform.cluster.in_use() == {}


def test_a_deployment_stays_visible_and_keeps_its_gpus_while_it_is_torn_down() -> None:
    models = {MODEL: "local/student-s"}
    with (
        running_platform(teardown=LONG, models=models) as platform,
        httpx.Client(base_url=platform.nemo_url) as nemo,
    ):
        nemo.post(PATH, json=body("slow")).raise_for_status()
        ready(nemo, "slow")
        for _ in range(2):
            assert nemo.delete(f"{PATH}/shop/slow").status_code == 200
        assert status(nemo, "slow") == "cancelling"
        assert sum(platform.cluster.in_use().values()) == 1
    with (
        running_platform(teardown=0.05, models=models) as platform,
        httpx.Client(base_url=platform.nemo_url) as nemo,
    ):
        nemo.post(PATH, json=body("slow")).raise_for_status()
        nemo.delete(f"{PATH}/shop/slow").raise_for_status()
        wait_until(lambda: gone(nemo, "slow"))
        wait_until(lambda: not platform.cluster.in_use())


def test_a_config_is_taken_by_reference_and_kept_as_a_copy(nemo: httpx.Client) -> None:
    config = body("x")["config"]
    assert isinstance(config, dict)
    nemo.post("/v1/deployment/configs", json={"name": "c", "namespace": "shop", **config}).raise_for_status()
    answer = nemo.post(PATH, json={"name": "by-ref", "namespace": "shop", "config": "shop/c"}).json()
    assert config.items() <= answer["config"].items()
    ready(nemo, "by-ref")
    assert nemo.delete("/v1/deployment/configs/shop/c").status_code == 200
    assert status(nemo, "by-ref") == "ready"
    absent = nemo.post(PATH, json={"name": "no-ref", "config": "shop/c"})
    assert (absent.status_code, absent.json()["detail"]) == (404, "deployment config 'shop/c' not found")
    nemo.delete(f"{PATH}/shop/by-ref").raise_for_status()


def test_a_deployment_may_be_described_anew_but_not_renamed(nemo: httpx.Client) -> None:
    nemo.post(PATH, json=body("patched")).raise_for_status()
    changed = nemo.patch(f"{PATH}/shop/patched", json={"description": "d", "custom_fields": {"owner": "me"}})
    assert (changed.status_code, changed.json()["description"]) == (200, "d")
    assert changed.json()["custom_fields"] == {"owner": "me"}
    assert nemo.patch(f"{PATH}/shop/patched", json={"name": "x"}).status_code == 422
    assert nemo.patch(f"{PATH}/shop/nowhere", json={}).status_code == 404
    nemo.delete(f"{PATH}/shop/patched").raise_for_status()


OWNED = {
    "status_details": {"status": "ready", "description": "really"},
    "deployed": True,
    "url": "http://somewhere",
    "created_at": "2000-01-01T00:00:00.000000000Z",
    "updated_at": "2000-01-01T00:00:00.000000000Z",
}


def test_a_client_sets_nothing_that_only_the_service_knows(small: tuple[Platform, httpx.Client]) -> None:
    _, nemo = small
    nemo.post(PATH, json={**body("unknown", 1, "nobody/knows"), **OWNED}).raise_for_status()
    wait_until(lambda: status(nemo, "unknown") == "failed")
    before = nemo.get(f"{PATH}/shop/unknown").json()
    assert before["created_at"] > "2020"
    for change in (OWNED, {"status_details": 5}, {"status_details": None}):
        changed = nemo.patch(f"{PATH}/shop/unknown", json=change)
        assert changed.status_code == 200
        assert {**changed.json(), "updated_at": ""} == {**before, "updated_at": ""}
        assert changed.json()["updated_at"] > "2020"


def test_times_of_this_service_have_nanoseconds_and_a_zone(nemo: httpx.Client) -> None:
    config = {"name": "timed", "namespace": "shop", **CONFIG}
    made = nemo.post("/v1/deployment/configs", json=config).json()
    changed = nemo.patch("/v1/deployment/configs/shop/timed", json={"description": "d"}).json()
    deleted = nemo.delete("/v1/deployment/configs/shop/timed").json()
    for moment in (made["created_at"], made["updated_at"], changed["updated_at"], deleted["deleted_at"]):
        assert len(moment) == len("2025-04-01T21:38:59.494256552Z")
        assert moment.endswith("Z")
    assert changed["created_at"] == made["created_at"] < changed["updated_at"]


def test_a_config_is_changed_as_a_whole_that_still_deploys_something(nemo: httpx.Client) -> None:
    nemo.post("/v1/deployment/configs", json={"name": "changed", "namespace": "shop", **CONFIG})
    own = "/v1/deployment/configs/shop/changed"
    larger = {**body("x", 4)["config"]["nim_deployment"], "disable_lora_support": True}
    after = nemo.patch(own, json={"nim_deployment": larger, "model": None, "project": "p"}).json()
    assert (after["nim_deployment"], after["project"], after.get("model")) == (larger, "p", None)
    assert nemo.get(own).json() == after
    assert nemo.patch(own, json={"nim_deployment": None}).status_code == 422
    outside = {"nim_deployment": None, "external_endpoint": {"host_url": "http://x"}}
    moved = nemo.patch(own, json=outside).json()
    assert moved["external_endpoint"] == {"host_url": "http://x"}
    assert "nim_deployment" not in moved


def listed(platform: Platform) -> list[str]:
    return [model["id"] for model in httpx.get(f"{platform.nim_url}/v1/models").json()["data"]]


def test_another_config_is_rolled_out_anew(small: tuple[Platform, httpx.Client]) -> None:
    platform, nemo = small
    nemo.post(PATH, json=body("moves", 2)).raise_for_status()
    ready(nemo, "moves")
    assert listed(platform) == [MODEL]
    judge = body("x", 1, "local/judge-lexical")["config"]
    changed = nemo.patch(f"{PATH}/shop/moves", json={"config": judge, "description": "d"}).json()
    assert (changed["config"], changed["description"]) == (judge, "d")
    assert (changed["deployed"], changed["status_details"]["status"]) == (False, "pending")
    ready(nemo, "moves")
    assert listed(platform) == ["local/judge-lexical"]
    assert list(platform.cluster.in_use().values()) == [1]
    # More than there is: the old one has been given up all the same, as in a cluster without room for both.
    nemo.patch(f"{PATH}/shop/moves", json={"config": body("x", 3)["config"]}).raise_for_status()
    wait_until(lambda: status(nemo, "moves") == "failed")
    assert listed(platform) == []
    assert platform.cluster.in_use() == {}
    nemo.delete(f"{PATH}/shop/moves").raise_for_status()


def test_the_same_config_again_leaves_the_deployment_as_it_is(small: tuple[Platform, httpx.Client]) -> None:
    platform, nemo = small
    nemo.post("/v1/deployment/configs", json={"name": "same", "namespace": "shop", **CONFIG})
    nemo.post(PATH, json={"name": "same", "namespace": "shop", "config": "shop/same"}).raise_for_status()
    ready(nemo, "same")
    held = platform.cluster.in_use()
    changed = nemo.patch(f"{PATH}/shop/same", json={"config": "shop/same", "description": "d"}).json()
    assert (changed["deployed"], changed["status_details"]["status"]) == (True, "ready")
    assert platform.cluster.in_use() == held
    missing = nemo.patch(f"{PATH}/shop/same", json={"config": "shop/none"})
    assert (missing.status_code, status(nemo, "same")) == (404, "ready")
    assert nemo.patch(f"{PATH}/shop/same", json={"config": {"nim_deployment": 5}}).status_code == 422


def test_a_deployment_that_waits_can_be_given_a_smaller_config(small: tuple[Platform, httpx.Client]) -> None:
    platform, nemo = small
    nemo.post(PATH, json=body("holds")).raise_for_status()
    ready(nemo, "holds")
    nemo.post(PATH, json=body("waits", 2)).raise_for_status()
    wait_until(lambda: platform.cluster.waiting())
    nemo.patch(f"{PATH}/shop/waits", json={"config": CONFIG}).raise_for_status()
    ready(nemo, "waits")
    assert platform.cluster.waiting() == []
    assert sorted(platform.cluster.in_use().values()) == [1, 1]


def test_a_deployment_that_is_being_deleted_takes_no_other_config() -> None:
    with (
        running_platform(teardown=LONG, models={MODEL: "local/student-s"}) as platform,
        httpx.Client(base_url=platform.nemo_url) as nemo,
    ):
        nemo.post(PATH, json=body("leaves")).raise_for_status()
        ready(nemo, "leaves")
        nemo.delete(f"{PATH}/shop/leaves").raise_for_status()
        refused = nemo.patch(f"{PATH}/shop/leaves", json={"config": body("x", 2)["config"]})
        assert refused.status_code == 409
        assert "is being deleted" in refused.json()["detail"]
        assert nemo.patch(f"{PATH}/shop/leaves", json={"description": "d"}).json()["description"] == "d"
        assert status(nemo, "leaves") == "cancelling"


@pytest.mark.parametrize(
    ("model", "served"),
    [
        ({"foo": 1}, MODEL),
        ({"name": "student-s", "namespace": "local"}, "local/student-s"),
        ({"name": "local/student-s"}, "local/student-s"),
    ],
)
def test_a_model_may_be_described_by_an_object(
    small: tuple[Platform, httpx.Client], model: dict[str, object], served: str
) -> None:
    platform, nemo = small
    config = {**CONFIG, "model": model}
    nemo.post(PATH, json={"name": "object", "namespace": "shop", "config": config}).raise_for_status()
    ready(nemo, "object")
    assert listed(platform) == [served]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"config": {"model": MODEL}},
        {"config": {"model": MODEL, "nim_deployment": {"image_name": "i", "image_tag": "1"}}},
        {"config": {"model": MODEL, "nim_deployment": {"image_name": "i", "image_tag": "1", "gpu": -1}}},
        {"config": 7},
    ],
)
def test_a_deployment_of_nothing_is_refused(nemo: httpx.Client, wrong: dict[str, object]) -> None:
    assert nemo.post(PATH, json=wrong).status_code == 422


def test_an_external_endpoint_needs_no_gpu(nemo: httpx.Client, platform: Platform) -> None:
    outside = {
        "name": "outside",
        "namespace": "shop",
        "config": {"external_endpoint": {"host_url": "http://x"}},
    }
    nemo.post(PATH, json=outside).raise_for_status()
    ready(nemo, "outside")
    assert sum(platform.cluster.in_use().values()) == 0
    nemo.delete(f"{PATH}/shop/outside").raise_for_status()
