import json

import httpx
import pytest
from customizing import (
    HYPERPARAMETERS,
    OPTION,
    QUICK,
    ROWS,
    TARGET,
    changed,
    conversation,
    create,
    job_body,
    messages,
    prepare,
    status_of,
    until_running,
)
from job_driving import eventually, finished, nemo, write_rows

from include.local_nemo.testing import running_platform


@pytest.fixture(scope="module")
def platform():
    with running_platform() as running, nemo(running) as http:
        prepare(running, http)
        yield running


@pytest.fixture(scope="module")
def client(platform):
    with nemo(platform) as http:
        yield http


@pytest.fixture(scope="module")
def trained(client):
    """A job that has completed."""
    return finished(client, "customization", create(client, hyperparameters=HYPERPARAMETERS)["id"])


def test_a_training_completes_with_real_losses_and_all_its_steps(trained):
    details = trained["status_details"]
    assert trained["status"] == details["status"] == "completed"
    assert details["steps_per_epoch"] == 4
    assert details["steps_completed"] == 8
    assert details["epochs_completed"] == 2
    assert details["percentage_done"] == 100
    assert details["samples_processed"] == 64
    assert details["train_loss"] > 0
    assert details["val_loss"] > 0
    assert details["best_epoch"] == 2
    series = details["metrics"]["metrics"]
    assert [point["step"] for point in series["train_loss"]] == [1, 3, 5, 7]
    assert [point["step"] for point in series["val_loss"]] == [3, 7]
    assert series["val_loss"][-1]["value"] < series["val_loss"][0]["value"]


def test_a_completed_training_has_gone_through_all_stages(trained):
    assert messages(trained["status_details"]) == [
        "created",
        "PVCCreated",
        *(f"EntityHandler_0_{word}" for word in ("Created", "Pending", "Running", "Completed")),
        *(f"TrainingJob{word}" for word in ("Created", "Pending", "Running", "Completed")),
        *(f"EntityHandler_1_{word}" for word in ("Created", "Pending", "Running", "Completed")),
    ]


def test_the_output_model_gets_the_job_as_version(platform, client, trained):
    assert trained["output_model"] == f"team/customized@{trained['id']}"
    model = client.get(f"/v1/models/{trained['output_model']}").json()
    assert model["name"] == f"customized@{trained['id']}"
    assert model["base_model"] == "local/student-s"
    assert model["artifact"]["status"] == "upload_completed"
    assert model["artifact"]["files_url"] == f"hf://{trained['output_model']}"
    assert platform.datastore.list_files("model", "team/customized", trained["id"]) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_a_version_given_by_the_client_is_kept(platform, client):
    job = create(client, output_model="team/versioned@v7")
    assert job["output_model"] == "team/versioned@v7"
    assert finished(client, "customization", job["id"])["status"] == "completed"
    assert platform.datastore.exists("model", "team/versioned", "v7")


def test_an_output_model_that_exists_is_refused(client):
    first = create(client, output_model="team/taken@v1")
    again = client.post("/v1/customization/jobs", json=job_body(output_model="team/taken@v1"))
    assert again.status_code == 409
    assert "already exists" in again.json()["detail"]
    finished(client, "customization", first["id"])
    client.delete("/v1/models/team/taken@v1")
    files_are_left = client.post("/v1/customization/jobs", json=job_body(output_model="team/taken@v1"))
    assert files_are_left.status_code == 409


def test_without_an_output_model_no_model_is_made(client):
    before = client.get("/v1/models").json()["pagination"]["total_results"]
    body = job_body()
    del body["output_model"]
    job = client.post("/v1/customization/jobs", json=body).json()
    assert job["output_model"] is None
    assert finished(client, "customization", job["id"])["status"] == "completed"
    assert client.get("/v1/models").json()["pagination"]["total_results"] == before


def test_the_echo_flattens_the_dataset_and_fills_in_defaults(client):
    job = create(client, hyperparameters={"finetuning_type": "lora"}, custom_fields={"run": "r1"})
    assert job["dataset"] == "team/data"
    assert job["config"] == "team/student@v1.0.0+dfw"
    assert job["namespace"] == "default"
    assert job["status"] == job["status_details"]["status"] == "created"
    assert job["status_details"]["percentage_done"] == 0
    assert job["hyperparameters"]["lora"]["alpha"] == 16
    assert job["hyperparameters"]["sequence_packing_enabled"] is False
    assert job["config_snapshot"]["base_model"] == "local/student-s"
    assert job["config_snapshot"]["training_option"]["num_gpus"] == 1
    assert "internal" not in job
    found = client.get("/v1/customization/jobs", params={"filter[base_model]": "local/student-s"}).json()[
        "data"
    ]
    assert job["id"] in [one["id"] for one in found]
    assert "internal" not in found[0]


def test_hyperparameters_without_effect_are_warned_about(client):
    job = create(client, hyperparameters={**HYPERPARAMETERS, "max_steps": 3})
    assert [warning["message"] for warning in job["warnings"]] == ["max_steps has no effect"]


def test_without_validation_rows_a_tenth_of_the_training_rows_is_held_back(platform, client):
    write_rows(platform, "team/alone", {"training/a.jsonl": ROWS[:25], "training/b.jsonl": ROWS[25:]})
    job = create(client, dataset="hf://datasets/team/alone", hyperparameters={**QUICK, "batch_size": 10})
    details = finished(client, "customization", job["id"])["status_details"]
    assert details["steps_per_epoch"] == 4  # ceil(ceil(0.9 * 40) / 10)
    assert details["val_loss"] > 0


def test_the_entity_store_may_say_where_a_dataset_is(platform, client):
    write_rows(platform, "team/files", {"training/a.jsonl": ROWS})
    client.post(
        "/v1/datasets", json={"name": "named", "namespace": "team", "files_url": "hf://datasets/team/files"}
    )
    job = create(client, dataset="team/named")
    assert job["dataset"] == "team/named"
    assert finished(client, "customization", job["id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["config"], None),
        (["config"], "team/student"),
        (["dataset"], None),
        (["hyperparameters"], None),
        (["hyperparameters", "finetuning_type"], None),
        (["hyperparameters", "finetuning_type"], "guess"),
        (["hyperparameters", "finetuning_type"], "all_weights"),
        (["hyperparameters", "training_type"], "dpo"),
        (["hyperparameters", "batch_size"], 0),
        (["hyperparameters", "epochs"], "many"),
        (["output_model"], "a/b/c"),
    ],
)
def test_a_wrong_request_is_422_and_names_the_field(client, path, value):
    answer = client.post("/v1/customization/jobs", json=changed(path, value))
    assert answer.status_code == 422
    located = answer.json()["detail"][0]["loc"]
    assert located[: len(path)] == ["body", *path][: len(path)]


def test_the_refusal_of_a_training_option_lists_those_of_the_config(client):
    body = changed(["hyperparameters", "training_type"], "dpo")
    assert "it has sft/lora" in client.post("/v1/customization/jobs", json=body).json()["detail"][0]["msg"]


@pytest.mark.parametrize(
    "more",
    [{"config": "team/none@v1"}, {"dataset": "team/none"}, {"dataset": {"name": "none", "namespace": "x"}}],
)
def test_what_is_not_there_is_404(client, more):
    answer = client.post("/v1/customization/jobs", json=job_body(**more))
    assert answer.status_code == 404
    assert "none" in answer.json()["detail"]


def test_a_disabled_target_is_refused(client):
    client.patch("/v1/customization/targets/local/student-m@1.0", json={"enabled": False})
    config = {"max_seq_length": 8, "training_options": [OPTION], "target": "local/student-m@1.0"}
    answer = client.post("/v1/customization/jobs", json=job_body(config=config))
    assert answer.status_code == 409
    assert "disabled" in answer.json()["detail"]


def test_an_inline_config_is_answered_as_an_object(client):
    config = {"max_seq_length": 8, "training_options": [OPTION], "target": TARGET}
    job = create(client, config=config)
    assert job["config"]["target"]["base_model"] == "local/student-s"
    assert finished(client, "customization", job["id"])["status"] == "completed"


def test_a_base_model_without_a_student_fails_the_job_and_names_those_that_have(client):
    target = {"num_parameters": 1, "precision": "bf16", "base_model": "acme/unknown"}
    config = {"max_seq_length": 8, "training_options": [OPTION], "target": target}
    job = finished(client, "customization", create(client, config=config)["id"])
    last = job["status_details"]["status_logs"][-1]
    assert job["status"] == "failed"
    assert last["message"] == "EntityHandler_0_Failed"
    assert "acme/unknown" in last["detail"]
    assert "local/student-s" in last["detail"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"testing/eval.jsonl": ROWS}, "no rows in training"),
        ({"training/a.jsonl": [*ROWS[:3], "text"]}, "training/a.jsonl line 4 is not an object"),
        (
            {"training/a.jsonl": [{"messages": [{"role": "user", "content": "?"}]}]},
            "line 1 does not end with",
        ),
    ],
)
def test_rows_that_cannot_be_trained_on_fail_the_job_with_the_place(platform, client, files, reason, request):
    repo = f"team/bad-{len(request.node.name)}-{len(files)}-{reason.replace(' ', '-').replace('/', '-')}"
    write_rows(platform, repo, files)
    job = finished(client, "customization", create(client, dataset=repo)["id"])
    assert job["status"] == "failed"
    assert reason in job["status_details"]["status_logs"][-1]["detail"]
    model = client.get(f"/v1/models/{job['output_model']}").json()
    assert model["artifact"]["status"] == "upload_failed"


def test_prompt_and_completion_rows_are_trained_on_too(platform, client):
    rows = [{"prompt": f"What is {n} and {n}?", "completion": f"{n} and {n} is {2 * n}."} for n in range(30)]
    write_rows(platform, "team/prompts", {"training/a.jsonl": rows})
    job = finished(client, "customization", create(client, dataset="team/prompts")["id"])
    assert job["status"] == "completed"


def test_the_wrong_cancel_path_is_404(client, trained):
    assert client.post(f"/v1/customizations/{trained['id']}/cancel").status_code == 404
    assert client.post("/v1/customization/jobs/cust-none/cancel").status_code == 404


def test_a_finished_job_cannot_be_cancelled(client, trained):
    answer = client.post(f"/v1/customization/jobs/{trained['id']}/cancel")
    assert answer.status_code == 400
    assert "completed" in answer.json()["detail"]
    assert client.get(f"/v1/customization/jobs/{trained['id']}").json()["status"] == "completed"


def test_container_logs_tell_events_and_losses(client, trained):
    logs = client.get(f"/v1/customization/jobs/{trained['id']}/container-logs").json()
    training = logs["entries"]["training"]
    assert training["events"][0]["count"] == "1"
    assert [event["reason"] for event in training["events"]] == messages(trained["status_details"])
    (lines,) = training["logs"].values()
    assert "step 3 val_loss" in lines


def test_a_job_cannot_be_deleted(client, trained):
    assert client.delete(f"/v1/customization/jobs/{trained['id']}").status_code == 405


def test_progress_only_rises_and_a_hundred_percent_is_not_the_end():
    with running_platform(training_min=1.0, upload=0.6) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = create(client, hyperparameters=HYPERPARAMETERS)
        seen = []

        def look():
            status = status_of(client, job)
            seen.append((status["percentage_done"], status["status"], status["elapsed_time"]))
            return status

        done = eventually(look, lambda status: status["status"] == "completed")
    percentages = [percentage for percentage, _, _ in seen]
    assert percentages == sorted(percentages)
    assert [elapsed for _, _, elapsed in seen] == sorted(elapsed for _, _, elapsed in seen)
    assert len(set(percentages)) > 3
    assert (100, "running") in {(percentage, status) for percentage, status, _ in seen}
    assert done["elapsed_time"] >= 1.5
    assert [(p, s) for p, s, _ in seen if s in ("created", "pending") and p != 0] == []


def test_a_job_waits_in_pending_for_its_gpus_and_gives_them_back():
    two = {**OPTION, "num_gpus": 1, "num_nodes": 2}
    with running_platform(gpus=3, training_min=0.5) as platform, nemo(platform) as client:
        prepare(platform, client, option=two)
        first = create(client)
        until_running(client, first)
        assert platform.cluster.in_use() == {first["id"]: 2}
        second = create(client)
        eventually(lambda: status_of(client, second), lambda status: status["status"] == "pending")
        assert finished(client, "customization", first["id"])["status"] == "completed"
        assert first["id"] not in platform.cluster.in_use()
        assert finished(client, "customization", second["id"])["status"] == "completed"
        assert platform.cluster.in_use() == {}


def test_more_gpus_than_the_cluster_has_fail_the_job_in_the_platforms_word():
    with running_platform(gpus=1) as platform, nemo(platform) as client:
        prepare(platform, client, option={**OPTION, "num_gpus": 4})
        job = finished(client, "customization", create(client)["id"])
        last = job["status_details"]["status_logs"][-1]
        assert job["status"] == "failed"
        assert last["message"] == "NotEnoughResources"
        assert "4 GPUs" in last["detail"]
        assert platform.cluster.in_use() == {}


@pytest.mark.parametrize("stage", ["created", "pending", "running"])
def test_a_job_can_be_cancelled_at_every_stage_and_uploads_nothing(stage):
    delays = {"created": {"job_start": 20}, "pending": {}, "running": {"training_min": 20}}[stage]
    with running_platform(gpus=1, **delays) as platform, nemo(platform) as client:
        prepare(platform, client)
        if stage == "pending":
            platform.cluster.adopt("somebody else", 1)
        job = create(client)
        eventually(lambda: status_of(client, job), lambda status: status["status"] == stage)
        answer = client.post(f"/v1/customization/jobs/{job['id']}/cancel")
        assert answer.status_code == 200
        assert answer.json()["status"] == answer.json()["status_details"]["status"] == "cancelling"
        assert finished(client, "customization", job["id"])["status"] == "cancelled"
        assert status_of(client, job)["status"] == "cancelled"
        assert job["id"] not in platform.cluster.in_use()
        assert not platform.datastore.exists("model", "team/customized", job["id"])
        assert client.get(f"/v1/models/{job['output_model']}").json()["artifact"]["status"] == "upload_failed"


def test_a_training_goes_on_after_a_restart_without_going_back_or_taking_more_gpus(tmp_path):
    with running_platform(state_dir=tmp_path, gpus=2, training_min=4) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = create(client, hyperparameters=HYPERPARAMETERS)
        before = eventually(lambda: status_of(client, job), lambda status: status["percentage_done"] >= 37.5)
    with running_platform(state_dir=tmp_path, gpus=2, training_min=1) as platform, nemo(platform) as client:
        seen = []

        def look():
            seen.append({**status_of(client, job), "held": platform.cluster.in_use()})
            return seen[-1]

        done = eventually(look, lambda status: status["status"] == "completed")
    assert {status["status"] for status in seen} == {"running", "completed"}
    assert seen[0]["held"] == {job["id"]: 1}
    assert done["held"] == {}
    percentages = [status["percentage_done"] for status in (before, *seen)]
    assert percentages == sorted(percentages)
    assert [point["step"] for point in done["metrics"]["metrics"]["train_loss"]] == [1, 3, 5, 7]
    assert messages(done).count("TrainingJobRunning") == 1


def test_a_running_job_holds_its_gpus_from_the_first_moment_after_a_restart(tmp_path):
    with running_platform(state_dir=tmp_path, gpus=2, training_min=30) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = create(client)
        until_running(client, job)
    with running_platform(state_dir=tmp_path, gpus=2, job_start=30) as platform, nemo(platform) as client:
        assert status_of(client, job)["status"] == "running"
        assert platform.cluster.in_use() == {job["id"]: 1}


def test_a_job_that_was_being_cancelled_is_cancelled_after_a_restart(tmp_path):
    with running_platform(state_dir=tmp_path, training_min=30) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = create(client)
        until_running(client, job)
        platform.store.update("customization_job", job["id"], lambda doc: doc.update(status="cancelling"))
    with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
        assert finished(client, "customization", job["id"])["status"] == "cancelled"
        assert platform.cluster.in_use() == {}


def test_a_planned_fault_fails_a_training_half_way(tmp_path):
    plan = tmp_path / "faults.json"
    plan.write_text(
        json.dumps([{"kind": "customization", "name": "team/customized@.*", "fail": "node lost"}])
    )
    with running_platform(faults=plan) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = finished(client, "customization", create(client, hyperparameters=HYPERPARAMETERS)["id"])
        assert platform.cluster.in_use() == {}
    last = job["status_details"]["status_logs"][-1]
    assert (job["status"], last["message"], last["detail"]) == ("failed", "TrainingJobFailed", "node lost")
    assert job["status_details"]["percentage_done"] == 50


def test_a_new_target_is_downloaded_before_it_can_be_trained():
    target = {"name": "mine@1.0", "namespace": "team", "num_parameters": 1, "precision": "bf16"}
    with running_platform(download=0.4) as platform, nemo(platform) as client:
        made = client.post(
            "/v1/customization/targets", json={**target, "base_model": "local/student-s"}
        ).json()
        assert made["status"] == "created"
        prepare(platform, client, target="team/mine@1.0")
        early = client.post("/v1/customization/jobs", json=job_body())
        assert early.status_code == 409
        assert "downloading" in early.json()["detail"]
        eventually(
            lambda: client.get("/v1/customization/targets/team/mine@1.0").json()["status"],
            lambda status: status == "ready",
        )
        assert finished(client, "customization", create(client)["id"])["status"] == "completed"


def test_foreign_names_have_targets_of_their_own():
    with (
        running_platform(models={"meta/llama-3.2-1b-instruct": "local/student-s"}) as platform,
        nemo(platform) as client,
    ):
        target = client.get("/v1/customization/targets/meta/llama-3.2-1b-instruct@2.0").json()
        assert target["base_model"] == "meta/llama-3.2-1b-instruct"
        assert target["status"] == "ready"
        prepare(platform, client, target="meta/llama-3.2-1b-instruct@2.0")
        job = finished(client, "customization", create(client)["id"])
        assert job["status"] == "completed"
        assert job["config_snapshot"]["base_model"] == "meta/llama-3.2-1b-instruct"


def test_a_trained_model_is_served_and_evaluated_better_than_its_base(client, platform, trained):
    rows = [
        {"messages": one["messages"][:1], "tools": one["tools"], "truth": one["messages"][1]["tool_calls"]}
        for one in map(conversation, range(50, 70))
    ]
    write_rows(platform, "team/graded", {"eval.jsonl": rows})
    nim = {"gpu": 1, "image_name": "nvcr.io/nim/local/student-s", "image_tag": "1"}
    deployment = {
        "name": "s",
        "namespace": "team",
        "config": {"model": "local/student-s", "nim_deployment": nim},
    }
    assert client.post("/v1/deployment/model-deployments", json=deployment).status_code == 200
    with httpx.Client(base_url=platform.nim_url, verify=False) as proxy:
        eventually(lambda: proxy.get("/v1/models").text, lambda listed: trained["output_model"] in listed)
    task = {
        "type": "chat-completion",
        "dataset": {"files_url": "hf://datasets/team/graded/eval.jsonl"},
        "params": {
            "template": {"messages": "{{ item.messages | tojson }}", "tools": "{{ item.tools | tojson }}"}
        },
        "metrics": {
            "calls": {
                "type": "tool-calling",
                "params": {"tool_calls_ground_truth": "{{ item.truth | tojson }}"},
            }
        },
    }
    accuracy = {}
    for model in ("local/student-s", trained["output_model"]):
        body = {
            "target": {"type": "model", "model": model},
            "config": {"type": "custom", "tasks": {"tools": task}},
        }
        job = finished(client, "evaluation", client.post("/v1/evaluation/jobs", json=body).json()["id"])
        assert job["status"] == "completed", job["status_details"]
        result = client.get(f"/v1/evaluation/jobs/{job['id']}/results").json()
        scores = result["tasks"]["tools"]["metrics"]["calls"]["scores"]
        accuracy[model] = scores["function_name_and_args_accuracy"]["value"]
    assert accuracy[trained["output_model"]] > accuracy["local/student-s"]
    assert accuracy[trained["output_model"]] >= 0.9


def test_a_config_expands_its_target_and_refuses_a_second_of_its_name(client):
    body = {
        "name": "twice@v1",
        "namespace": "team",
        "target": TARGET,
        "max_seq_length": 8,
        "training_options": [OPTION],
    }
    made = client.post("/v1/customization/configs", json=body)
    assert made.status_code == 200
    assert made.json()["target"]["name"] == "student-s@1.0"
    assert client.get("/v1/customization/configs/team/twice@v1").json() == made.json()
    assert client.post("/v1/customization/configs", json=body).status_code == 409
    found = client.get(
        "/v1/customization/configs", params={"filter[target_base_model]": "local/student-s"}
    ).json()
    assert "twice@v1" in [one["name"] for one in found["data"]]
    assert client.delete("/v1/customization/configs/team/twice@v1").status_code == 200
    assert client.get("/v1/customization/configs/team/twice@v1").status_code == 404


def test_training_options_can_be_added_and_removed(client):
    weights = {**OPTION, "finetuning_type": "all_weights", "num_gpus": 2}
    body = {
        "name": "more@v1",
        "namespace": "team",
        "target": TARGET,
        "max_seq_length": 8,
        "training_options": [OPTION],
    }
    client.post("/v1/customization/configs", json=body)
    more = client.patch(
        "/v1/customization/configs/team/more@v1", json={"add_training_options": [weights]}
    ).json()
    assert [one["finetuning_type"] for one in more["training_options"]] == ["lora", "all_weights"]
    less = client.patch(
        "/v1/customization/configs/team/more@v1",
        json={"remove_training_options": [{"training_type": "sft", "finetuning_type": "lora"}]},
    ).json()
    assert [one["finetuning_type"] for one in less["training_options"]] == ["all_weights"]


def test_a_config_without_training_options_is_refused(client):
    answer = client.post("/v1/customization/configs", json={"max_seq_length": 8, "training_options": []})
    assert answer.status_code == 422
