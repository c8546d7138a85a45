"""What a platform that starts again remembers: who had GPUs, what was listed, what was deleted."""

from datetime import UTC, datetime

import httpx
from customizing import OPTION, create, prepare, status_of, until_running
from job_driving import eventually, finished, nemo

from include.local_nemo import rollout
from include.local_nemo.platform import Platform
from include.local_nemo.served_models import UPLOADS, ServedModels
from include.local_nemo.settings import Settings
from include.local_nemo.testing import running_platform, wait_until

LONG = 3600.0
DEPLOYMENTS = "/v1/deployment/model-deployments"
TARGETS = "/v1/customization/targets"
TARGET = "customization target"


def deploy(client, name, gpus):
    image = {"gpu": gpus, "image_name": "nvcr.io/nim/local/student-s", "image_tag": "1"}
    body = {"name": name, "namespace": "team", "config": {"nim_deployment": image}}
    client.post(DEPLOYMENTS, json=body).raise_for_status()


def deployment_status(client, name):
    return client.get(f"{DEPLOYMENTS}/team/{name}").json()["status_details"]["status"]


def uid(platform, name):
    return platform.store.get(rollout.KIND, f"team/{name}")["uid"]


def test_a_waiting_deployment_does_not_take_the_gpus_of_a_running_training(tmp_path):
    settings = {"state_dir": tmp_path, "gpus": 2, "training_min": LONG}
    with running_platform(**settings) as platform, nemo(platform) as client:
        prepare(platform, client, option={**OPTION, "num_gpus": 2})
        job = create(client)
        until_running(client, job)
        deploy(client, "waits", 2)
        wait_until(platform.cluster.waiting)
    with running_platform(**settings) as platform, nemo(platform) as client:
        wait_until(platform.cluster.waiting)
        assert platform.cluster.in_use() == {job["id"]: 2}
        assert deployment_status(client, "waits") == "pending"


def test_a_deployment_that_pulls_its_image_keeps_its_gpus(tmp_path):
    settings = {"state_dir": tmp_path, "gpus": 2, "image_pull": LONG}
    with running_platform(**settings) as platform, nemo(platform) as client:
        deploy(client, "pulls", 2)
        wait_until(platform.cluster.in_use)
        deploy(client, "waits", 1)
        wait_until(platform.cluster.waiting)
    with running_platform(**settings) as platform, nemo(platform) as client:
        assert platform.cluster.in_use() == {uid(platform, "pulls"): 2}
        wait_until(platform.cluster.waiting)
        assert deployment_status(client, "pulls") == "pending"


def test_a_deployment_that_is_torn_down_holds_what_it_had_and_no_more(tmp_path):
    settings = {"state_dir": tmp_path, "gpus": 2, "teardown": LONG}
    with running_platform(**settings) as platform, nemo(platform) as client:
        deploy(client, "serves", 1)
        deploy(client, "leaves", 1)
        wait_until(lambda: len(platform.cluster.in_use()) == 2)
        deploy(client, "waits", 2)
        wait_until(platform.cluster.waiting)
        for name in ("leaves", "waits"):
            client.delete(f"{DEPLOYMENTS}/team/{name}").raise_for_status()
    with running_platform(**settings) as platform, nemo(platform) as client:
        assert platform.cluster.in_use() == {uid(platform, "serves"): 1, uid(platform, "leaves"): 1}
        assert deployment_status(client, "waits") == "cancelling"


def test_the_folder_of_a_training_that_was_killed_is_removed(tmp_path):
    left = tmp_path / "training-abc"
    left.mkdir()
    (left / "adapter_config.json").write_text("{}")
    with running_platform(state_dir=tmp_path):
        assert not left.exists()


def test_a_target_that_was_deleted_does_not_come_back(tmp_path):
    with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
        client.delete(f"{TARGETS}/local/student-s@1.0").raise_for_status()
    with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
        assert client.get(f"{TARGETS}/local/student-s@1.0").status_code == 404
        assert client.get(f"{TARGETS}/local/student-m@1.0").status_code == 200
        own = {"name": "student-s@1.0", "namespace": "local", "num_parameters": 1, "precision": "bf16"}
        assert client.post(TARGETS, json=own).status_code == 200


def new_target(client):
    body = {"name": "mine@1.0", "namespace": "team", "num_parameters": 1, "precision": "bf16"}
    return client.post(TARGETS, json=body).json()


def test_a_download_goes_on_where_it_was(tmp_path):
    def status(client):
        return client.get(f"{TARGETS}/team/mine@1.0").json()["status"]

    with running_platform(state_dir=tmp_path, download=LONG) as platform, nemo(platform) as client:
        target = new_target(client)
        eventually(lambda: status(client), lambda reached: reached == "pending")
        platform.store.update(TARGET, "team/mine@1.0", lambda doc: doc.update(status="downloading"))
    with running_platform(state_dir=tmp_path, download=LONG) as platform, nemo(platform) as client:
        assert platform.jobs.is_live(target["id"])
        assert status(client) == "downloading"
    with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
        assert status(client) == "ready"


def test_a_download_does_not_touch_a_later_target_of_the_same_name():
    with running_platform(download=0.2) as platform, nemo(platform) as client:
        target = new_target(client)
        later = {"id": "cust-target-later", "status": "created"}
        platform.store.update(TARGET, "team/mine@1.0", lambda doc: doc.update(later))
        wait_until(lambda: not platform.jobs.is_live(target["id"]))
        assert client.get(f"{TARGETS}/team/mine@1.0").json()["status"] == "created"


def iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def test_an_adapter_that_is_listed_stays_listed_whatever_becomes_of_its_entity(tmp_path):
    name, base, clock = "team/tuned@cust-1", "local/student-s", [1000.0]
    settings = Settings(state_dir=tmp_path, adapter_refresh=60)

    def start():
        return Platform(settings, clock=lambda: clock[0])

    platform = start()
    answer = {"namespace": "team", "name": "base", "created_at": iso(900)}
    deployment = rollout.pending("uid", answer, base, 1, "ready")
    deployment["answer"]["status_details"]["status"] = "ready"
    platform.store.insert(rollout.KIND, "team/base", deployment)
    entity = {
        "namespace": "team",
        "name": "tuned@cust-1",
        "base_model": base,
        "peft": {"finetuning_type": "lora"},
        "artifact": {"status": "upload_completed", "files_url": f"hf://{name}"},
        "created_at": iso(900),
        "updated_at": iso(1000),
    }
    platform.store.insert("model", name, entity)
    platform.store.put(UPLOADS, name, {"uploaded": 1000.0})
    clock[0] = 1059.0
    assert list(ServedModels(platform).all()) == [base]
    clock[0] = 1061.0
    assert list(ServedModels(platform).all()) == [base, name]
    platform.store.update("model", name, lambda doc: doc.update(description="d", updated_at=iso(clock[0])))
    platform.stop()
    platform = start()
    assert list(ServedModels(platform).all()) == [base, name]
    platform.stop()


def listed(platform):
    return [model["id"] for model in httpx.get(f"{platform.nim_url}/v1/models").json()["data"]]


def test_a_trained_adapter_is_listed_after_the_refresh_that_follows_its_upload(tmp_path):
    with running_platform(state_dir=tmp_path, adapter_refresh=LONG) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = finished(client, "customization", create(client)["id"])
        deploy(client, "base", 1)
        wait_until(lambda: deployment_status(client, "base") == "ready")
        assert status_of(client, job)["status"] == "completed"
        assert listed(platform) == ["local/student-s"]
    with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
        assert listed(platform) == ["local/student-s", job["output_model"]]
        client.patch(f"/v1/models/{job['output_model']}", json={"description": "d"}).raise_for_status()
        assert listed(platform) == ["local/student-s", job["output_model"]]
