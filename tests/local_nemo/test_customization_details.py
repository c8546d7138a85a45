"""Targets, configs and jobs of the Customizer in detail: changes, filters, refusals, and how a job ends."""

import pytest
from customizing import (
    HYPERPARAMETERS,
    OPTION,
    QUICK,
    TARGET,
    changed,
    create,
    job_body,
    messages,
    prepare,
    status_of,
)
from job_driving import eventually, finished, nemo, write_rows

from include.local_nemo.testing import running_platform

TARGETS, CONFIGS, JOBS = (f"/v1/customization/{kind}" for kind in ("targets", "configs", "jobs"))
INLINE = {"num_parameters": 7, "precision": "bf16", "base_model": "local/student-s"}


@pytest.fixture(scope="module")
def platform():
    with running_platform() as running, nemo(running) as http:
        prepare(running, http)
        yield running


@pytest.fixture(scope="module")
def client(platform):
    with nemo(platform) as http:
        yield http


def new_target(client, name, **more):
    body = {"name": name, "namespace": "own", "num_parameters": 1, "precision": "bf16", **more}
    made = client.post(TARGETS, json=body)
    assert made.status_code == 200, made.text
    return made.json()


def new_config(client, name, **more):
    body = {"name": name, "namespace": "own", "max_seq_length": 8, "training_options": [OPTION], **more}
    made = client.post(CONFIGS, json=body)
    assert made.status_code == 200, made.text
    return made.json()


def names(client, path, **query):
    answer = client.get(path, params={"filter[namespace]": "own", "page_size": 50, **query})
    return sorted(one["name"] for one in answer.json()["data"])


def test_a_target_is_changed_in_all_that_a_client_may_set(client):
    made = new_target(client, "changed@1.0")
    wanted = {
        "base_model": "local/student-m",
        "description": "d",
        "enabled": False,
        "hf_endpoint": "http://elsewhere/v1/hf",
        "model_path": "somewhere",
        "model_uri": "hf://a/b@main",
        "num_parameters": 5,
        "precision": "fp16",
        "project": "p",
        "tokenizer": {"kind": "none"},
        "custom_fields": {"a": "b"},
    }
    after = client.patch(f"{TARGETS}/own/changed@1.0", json=wanted).json()
    assert wanted.items() <= after.items()
    assert client.get(f"{TARGETS}/own/changed@1.0").json() == after
    untouched = made.keys() - wanted.keys() - {"updated_at"}
    assert {name: after[name] for name in untouched} == {name: made[name] for name in untouched}


def test_the_status_of_a_target_is_the_services_own(client):
    assert new_target(client, "honest@1.0", status="failed")["status"] == "ready"
    after = client.patch(f"{TARGETS}/own/honest@1.0", json={"status": "banana", "created_at": "x"})
    assert (after.status_code, after.json()["status"]) == (200, "ready")


def test_null_takes_a_field_back_to_what_it_is_when_it_is_left_out(client):
    new_target(client, "nulled@1.0", enabled=False, base_model="local/student-m", description="d")
    nothing = dict.fromkeys(("enabled", "base_model", "description", "model_path"))
    after = client.patch(f"{TARGETS}/own/nulled@1.0", json=nothing).json()
    assert after["enabled"] is True
    assert after["base_model"] == "own/nulled"
    assert after["model_path"] == "nulled_1_0"
    assert after.get("description") is None
    refused = client.patch(f"{TARGETS}/own/nulled@1.0", json={"precision": None})
    assert refused.json()["detail"][0]["loc"] == ["body", "precision"]


def test_targets_are_found_by_their_fields(client):
    new_target(client, "found-a@1.0", base_model="acme/a", enabled=False)
    new_target(client, "found-b@1.0", base_model="acme/b")
    assert names(client, TARGETS, **{"filter[base_model]": "acme/a,acme/b"}) == [
        "found-a@1.0",
        "found-b@1.0",
    ]
    assert names(client, TARGETS, **{"filter[name]": "found-b@1.0"}) == ["found-b@1.0"]
    assert names(client, TARGETS, **{"filter[enabled]": "false", "filter[base_model]": "acme/a"}) == [
        "found-a@1.0"
    ]
    assert "found-a@1.0" not in names(client, TARGETS, **{"filter[enabled]": "true"})
    assert "found-b@1.0" in names(client, TARGETS, **{"filter[status]": "ready"})
    assert names(client, TARGETS, **{"filter[status]": "downloading"}) == []


def test_configs_are_found_by_their_target_and_their_options(client):
    new_target(client, "off@1.0", enabled=False, base_model="acme/off")
    weights = {**OPTION, "training_type": "dpo", "finetuning_type": "all_weights"}
    new_config(client, "with-off@v1", target="own/off@1.0")
    new_config(client, "with-inline@v1", target={**INLINE, "name": "inline@1.0"}, training_options=[weights])
    new_config(client, "without@v1")
    for query, found in (
        ({"filter[target_enabled]": "false"}, ["with-off@v1"]),
        ({"filter[enabled]": "false"}, ["with-off@v1"]),
        ({"filter[target_enabled]": "true"}, ["with-inline@v1"]),
        ({"filter[target_base_model]": "acme/off"}, ["with-off@v1"]),
        ({"filter[target_name]": "inline@1.0"}, ["with-inline@v1"]),
        ({"filter[training_type]": "dpo"}, ["with-inline@v1"]),
        ({"filter[finetuning_type]": "lora"}, ["with-off@v1", "without@v1"]),
        ({"filter[name]": "without@v1"}, ["without@v1"]),
    ):
        mine = [name for name in names(client, CONFIGS, **query) if name.startswith("with")]
        assert mine == found, query


@pytest.mark.parametrize("options", [5, "x", None, ["a"], [], [{"training_type": "sft"}]])
def test_training_options_that_are_none_are_refused_in_a_change(client, options):
    if client.get(f"{CONFIGS}/own/kept@v1").status_code == 404:
        new_config(client, "kept@v1")
    answer = client.patch(f"{CONFIGS}/own/kept@v1", json={"training_options": options})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", "training_options"]
    assert len(client.get(f"{CONFIGS}/own/kept@v1").json()["training_options"]) == 1


@pytest.mark.parametrize("field", ["add_training_options", "remove_training_options"])
def test_options_to_add_or_remove_must_be_such(client, field):
    new_config(client, f"{field}@v1")
    for wrong in (5, ["a"], [{"training_type": "sft"}]):
        answer = client.patch(f"{CONFIGS}/own/{field}@v1", json={field: wrong})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"][:2] == ["body", field]
    last = [{"training_type": "sft", "finetuning_type": "lora"}]
    none_left = client.patch(f"{CONFIGS}/own/{field}@v1", json={"remove_training_options": last})
    assert none_left.status_code == 422


def test_options_are_replaced_removed_and_added_by_one_change(client):
    new_config(client, "moved@v1")
    body = {
        "training_options": [OPTION, {**OPTION, "training_type": "dpo", "num_nodes": None}],
        "remove_training_options": [{"training_type": "sft", "finetuning_type": "lora"}],
        "add_training_options": [{**OPTION, "finetuning_type": "all_weights", "num_gpus": 4}],
        "max_seq_length": 16,
    }
    after = client.patch(f"{CONFIGS}/own/moved@v1", json=body).json()
    assert [(one["training_type"], one["finetuning_type"]) for one in after["training_options"]] == [
        ("dpo", "lora"),
        ("sft", "all_weights"),
    ]
    assert [one["num_nodes"] for one in after["training_options"]] == [1, 1]
    assert after["max_seq_length"] == 16
    assert "add_training_options" not in after
    assert client.get(f"{CONFIGS}/own/moved@v1").json() == after


def test_a_changed_target_of_a_config_is_checked_completed_and_trained(client):
    new_config(client, "retargeted@v1")
    own = f"{CONFIGS}/own/retargeted@v1"
    for wrong in ({"num_parameters": 1}, {**INLINE, "enabled": "maybe"}, 5):
        refused = client.patch(own, json={"target": wrong})
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"][:2] == ["body", "target"]
    after = client.patch(own, json={"target": INLINE}).json()
    assert after["target"]["status"] == "ready"
    assert after["target"]["namespace"] == "own"
    assert after["target"]["id"].startswith("cust-target-")
    assert client.patch(own, json={"description": "d"}).json()["target"] == after["target"]
    job = create(client, config="own/retargeted@v1", output_model=None)
    assert job["config_snapshot"]["base_model"] == "local/student-s"
    assert client.patch(own, json={"target": TARGET}).json()["target"]["name"] == "student-s@1.0"
    finished(client, "customization", job["id"])


def test_jobs_are_found_by_what_they_train(client):
    more = {"project": "p1", "namespace": "finders", "output_model": None}
    job = create(client, hyperparameters={**QUICK, "log_every_n_steps": 3}, **more)
    finished(client, "customization", job["id"])

    def found(**query):
        params = {"filter[namespace]": "finders", **query}
        return [one["id"] for one in client.get(JOBS, params=params).json()["data"]]

    for query in (
        {},
        {"filter[base_model]": "local/student-s"},
        {"filter[batch_size]": "16"},
        {"filter[dataset]": "team/data"},
        {"filter[epochs]": "1"},
        {"filter[finetuning_type]": "lora"},
        {"filter[log_every_n_steps]": "3"},
        {"filter[project]": "p1"},
        {"filter[status]": "completed,failed"},
        {"filter[training_type]": "sft"},
    ):
        assert found(**query) == [job["id"]], query
    for query in ({"filter[batch_size]": "1"}, {"filter[status]": "running"}, {"filter[project]": "p"}):
        assert found(**query) == [], query


def test_integrations_come_back_and_their_key_does_not(platform, client):
    wandb = {"type": "wandb", "wandb": {"project": "p", "entity": "e", "tags": ["t"], "notes": "n"}}
    answer = client.post(
        JOBS,
        json=job_body(integrations=[wandb], output_model=None),
        headers={"wandb-api-key": "a secret key"},
    )
    assert answer.json()["integrations"] == [wandb]
    job = finished(client, "customization", answer.json()["id"])
    assert job["integrations"] == [wandb]
    assert "a secret key" not in repr(platform.store.get("customization_job", job["id"]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["integrations"], [{"foo": 1}]),
        (["integrations"], [{"wandb": {"tags": 5}}]),
        (["ownership"], {"created_by": 5}),
        (["dataset_parameters"], {"tools": 5}),
        (["dataset"], {}),
        (["dataset"], {"name": 5}),
        (["config"], {"max_seq_length": 8}),
        *(
            (["hyperparameters", name], value)
            for name, value in (
                ("adam_beta1", "abc"),
                ("weight_decay", "abc"),
                ("min_learning_rate", [1]),
                ("learning_rate", "nan"),
                ("sft", "x"),
                ("dpo", 5),
                ("distillation", {}),
                ("grpo", {}),
                ("grpo", {"environment": {"name": "chess"}}),
                ("max_steps", -5),
                ("seed", -1),
            )
        ),
    ],
    ids=lambda part: str(part)[:40],
)
def test_what_is_wrong_with_a_job_is_refused_and_named(client, path, value):
    answer = client.post(JOBS, json=changed(path, value))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][: len(path) + 1] == ["body", *path]


def test_hyperparameters_of_every_kind_are_kept_as_they_are(client):
    more = {
        "max_steps": -1,
        "seed": 2**40,
        "weight_decay": 0.1,
        "adam_beta1": 0.9,
        "min_learning_rate": 0.00001,
        "sft": {"hidden_dropout": 0.1},
        "distillation": {"teacher": "meta/x@2.0"},
        "grpo": {"environment": {"name": "workbench"}},
        "unheard_of": {"kept": True},
    }
    job = create(client, hyperparameters={**QUICK, **more}, output_model=None)
    assert more.items() <= job["hyperparameters"].items()
    assert finished(client, "customization", job["id"])["status"] == "completed"


def test_a_dataset_may_be_named_by_the_address_of_its_files(client):
    job = create(client, dataset={"files_url": "hf://datasets/team/data"}, output_model=None)
    assert job["dataset"] == "team/data"
    assert finished(client, "customization", job["id"])["status"] == "completed"


@pytest.mark.parametrize("kind", ["lora_merged", "all_weights"])
def test_a_whole_model_is_trained_and_uploaded_too(platform, client, kind):
    new_config(client, f"{kind}@v1", target=TARGET, training_options=[{**OPTION, "finetuning_type": kind}])
    hyperparameters = {**QUICK, "finetuning_type": kind}
    created = create(client, config=f"own/{kind}@v1", hyperparameters=hyperparameters)
    job = finished(client, "customization", created["id"])
    assert job["status"] == "completed"
    assert ("alpha" in job["hyperparameters"]["lora"]) == (kind == "lora_merged")
    model = client.get(f"/v1/models/{job['output_model']}").json()
    assert model["artifact"]["status"] == "upload_completed"
    assert "peft" not in model, "no adapter: it takes a deployment of its own"
    assert platform.datastore.exists("model", "team/customized", job["id"])


def test_a_training_that_diverges_fails_and_says_so(client):
    wild = {**HYPERPARAMETERS, "learning_rate": 1e100, "epochs": 3, "batch_size": 1, "log_every_n_steps": 1}
    job = finished(client, "customization", create(client, hyperparameters=wild)["id"])
    last = job["status_details"]["status_logs"][-1]
    assert (job["status"], last["message"]) == ("failed", "TrainingJobFailed")
    assert "diverged" in last["detail"]
    assert "1e+100" in last["detail"]
    logs = client.get(f"{JOBS}/{job['id']}/container-logs")
    assert logs.status_code == 200
    assert "diverged" in logs.json()["entries"]["training"]["events"][-1]["message"]
    model = client.get(f"/v1/models/{job['output_model']}").json()
    assert model["artifact"]["status"] == "upload_failed"


def test_final_losses_appear_with_the_end_of_the_job():
    with running_platform(upload=3600) as platform, nemo(platform) as client:
        prepare(platform, client)
        job = create(client, hyperparameters=HYPERPARAMETERS)
        uploading = eventually(
            lambda: status_of(client, job), lambda status: "EntityHandler_1_Running" in messages(status)
        )
        assert (uploading["status"], uploading["percentage_done"]) == ("running", 100)
        assert uploading["metrics"]["metrics"]["val_loss"]
        assert [uploading[name] for name in ("train_loss", "val_loss", "best_epoch")] == [None, None, None]


def test_a_training_without_readable_rows_has_no_losses_at_its_end(platform, client):
    write_rows(platform, "team/unreadable", {"training/a.jsonl": ["text"]})
    job = finished(client, "customization", create(client, dataset="team/unreadable")["id"])
    assert (job["status"], job["status_details"]["train_loss"]) == ("failed", None)
