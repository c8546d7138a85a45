import io
import json
import threading
import zipfile

import pytest
from evaluating import (
    NOBODY,
    TOOL_CALLING,
    archive,
    config,
    endpoint,
    judged,
    row,
    run,
    samples,
    scores,
    target,
    truth,
)
from job_driving import eventually, external_model, finished, nemo, tool_message, write_rows

from include.local_nemo.testing import running_platform

KEY = "key-of-the-judge"


@pytest.fixture(scope="module")
def platform():
    with running_platform() as running:
        yield running


@pytest.fixture(scope="module")
def client(platform):
    with nemo(platform) as http:
        yield http


@pytest.fixture
def dataset(platform, request):
    """Write rows into a dataset of the test's own and return its description for a task."""

    def write(rows, **more):
        repo = f"team/{request.node.name.partition('[')[0]}"
        write_rows(platform, repo, {"testing/eval.jsonl": rows})
        return {"files_url": f"hf://datasets/{repo}/testing/eval.jsonl", **more}

    return write


TOOL_ROWS = [
    row("order 1", tool_calls=truth(("get_order", {"id": "W1"}))),
    row("order 2", tool_calls=truth(("get_order", {"id": "W2"}))),
    row("user", tool_calls=truth(("get_user", {"name": "Ann"}))),
    row("two", tool_calls=truth(("get_user", {"name": "Ann"}), ("get_order", {"id": "W1"}))),
]


def answers(body):
    return {
        "order 1": tool_message(("get_order", {"id": "W1"})),
        "order 2": tool_message(("get_order", {"id": "W1"})),
        "user": "I do not know",
        "two": tool_message(("get_order", {"id": "W1"}), ("get_user", {"name": "Ann"})),
    }[body["messages"][-1]["content"]]


def test_known_tool_calls_give_known_scores(client, dataset):
    with external_model(answers) as model:
        job = run(client, target=target(model.url), config=config(dataset(TOOL_ROWS), TOOL_CALLING))
    assert job["status"] == "completed"
    found = scores(client, job, "tool-calling-accuracy")
    assert found["function_name_accuracy"]["value"] == 0.75
    assert found["function_name_and_args_accuracy"]["value"] == 0.5
    assert found["function_name_and_args_accuracy"]["stats"]["count"] == 4
    assert job["status_details"]["samples_processed"] == 4
    assert job["status_details"]["progress"] == 100


def test_ground_truth_as_json_text_matches_nothing(client, dataset):
    rows = [row("order 1", tool_calls=truth(("get_order", '{"id": "W1"}')))]
    with external_model(answers) as model:
        job = run(client, target=target(model.url), config=config(dataset(rows), TOOL_CALLING))
    found = scores(client, job, "tool-calling-accuracy")
    assert found["function_name_accuracy"]["value"] == 1
    assert found["function_name_and_args_accuracy"]["value"] == 0


@pytest.mark.parametrize(("pattern", "score"), [(r"(\d)", 1), (r"(\d+)", 10)])
def test_the_configured_pattern_decides_what_a_ten_is(client, dataset, pattern, score):
    with external_model(lambda body: "fine") as model, external_model(lambda body: "10") as judge:
        job = run(
            client, target=target(model.url), config=config(dataset([row("q")]), judged(judge.url, pattern))
        )
    assert scores(client, job, "llm-judge")["similarity"]["value"] == score


def test_a_verdict_that_cannot_be_read_is_counted_and_not_zero(client, dataset):
    verdicts = {"a": "8", "b": "very good", "c": "6"}
    with (
        external_model(lambda body: "answer") as model,
        external_model(lambda body: verdicts[body["messages"][-1]["content"][0]]) as judge,
    ):
        job = run(
            client,
            target=target(model.url),
            config=config(dataset([row("a"), row("b"), row("c")]), judged(judge.url)),
        )
    found = scores(client, job, "llm-judge")["similarity"]
    assert found["value"] == 7
    assert found["stats"]["count"] == 2
    assert found["stats"]["nan_count"] == 1
    values = [one["metrics"]["llm-judge"]["scores"]["similarity"]["value"] for one in samples(client, job)]
    assert values == [8, None, 6]


def test_a_score_that_no_sample_has_is_left_out_and_said(client, dataset):
    with external_model(lambda body: "answer") as model, external_model(lambda body: "none") as judge:
        job = run(client, target=target(model.url), config=config(dataset([row("a")]), judged(judge.url)))
    assert job["status"] == "completed"
    assert scores(client, job, "llm-judge") == {}
    assert "1 of 1 samples have no score similarity" in job["status_details"]["message"]


def test_the_judge_sees_the_rendered_prompt_and_its_key(client, dataset):
    with external_model(lambda body: "blue & <green>") as model, external_model(lambda body: "7") as judge:
        run(
            client,
            target=target(model.url),
            config=config(dataset([row("colour?")]), judged(judge.url, api_key=KEY)),
        )
    assert judge.requests[0]["messages"] == [
        {"role": "system", "content": "Grade."},
        {"role": "user", "content": "colour?|blue & <green>"},
    ]
    assert judge.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in model.headers[0]


def test_a_key_is_echoed_by_the_job_but_written_to_no_file(platform, client, dataset):
    refused = (401, {"error": {"message": f"wrong key {KEY}"}})
    with external_model(lambda body: "x") as model, external_model(lambda body: refused) as judge:
        failed = run(
            client,
            target=target(model.url),
            config=config(dataset([row("q")]), judged(judge.url, api_key=KEY)),
        )
    with external_model(lambda body: "x") as model, external_model(lambda body: "3") as judge:
        done = run(
            client,
            target=target(model.url),
            config=config(dataset([row("q")]), judged(judge.url, api_key=KEY)),
        )
    assert failed["status"] == "failed"
    assert KEY not in failed["status_details"]["message"]
    metric = done["config"]["tasks"]["custom-tool-calling"]["metrics"]["llm-judge"]
    assert metric["params"]["model"]["api_endpoint"]["api_key"] == KEY
    kept = [
        path
        for path in platform.settings.state_dir.rglob("*")
        if path.is_file() and "sqlite" not in path.name
    ]
    assert kept
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]
    logs = zipfile.ZipFile(io.BytesIO(client.get(f"/v1/evaluation/jobs/{failed['id']}/logs").content))
    assert KEY not in logs.read(f"logs/{failed['id']}.log").decode()
    assert KEY not in archive(client, done).read("results/results.json").decode()


def test_a_model_nobody_serves_fails_the_job_with_the_reason(client, dataset):
    job = run(client, target=target(NOBODY), config=config(dataset([row("q")]), TOOL_CALLING, max_retries=0))
    assert job["status"] == "failed"
    assert "the model answered none of 1 requests" in job["status_details"]["message"]
    assert "127.0.0.1:9" in job["status_details"]["message"]
    assert job["status_details"]["task_status"] == {"custom-tool-calling": "failed"}


def test_an_unknown_model_fails_the_job_before_every_row_was_tried(client, dataset):
    unknown = (404, {"object": "error", "message": "The model `some/model` does not exist.", "code": 404})
    with external_model(lambda body: unknown) as model:
        rows = [row("q", tool_calls=[])] * 60
        job = run(client, target=target(model.url), config=config(dataset(rows), TOOL_CALLING, parallelism=1))
    assert job["status"] == "failed"
    assert "HTTP 404: The model `some/model` does not exist." in job["status_details"]["message"]
    assert len(model.requests) == 10


def test_a_model_name_is_asked_at_the_nim(client, dataset):
    body = {"type": "model", "model": "nobody/deployed-this"}
    job = run(
        client, target=body, config=config(dataset([row("q", tool_calls=[])]), TOOL_CALLING, max_retries=0)
    )
    assert job["status"] == "failed"
    assert "404" in job["status_details"]["message"]


def test_a_platform_that_wants_a_token_gives_it_to_its_own_evaluations():
    with running_platform(bearer_token="of-the-platform") as platform, nemo(platform) as client:
        client.headers["Authorization"] = "Bearer of-the-platform"
        write_rows(platform, "team/rows", {"eval.jsonl": [row("q", tool_calls=[])]})
        body = config({"files_url": "hf://datasets/team/rows/eval.jsonl"}, TOOL_CALLING)
        job = run(client, target={"type": "model", "model": "nobody/deployed-this"}, config=body)
    assert "HTTP 404: The model `nobody/deployed-this` does not exist." in job["status_details"]["message"]


def test_a_model_entity_with_an_endpoint_is_asked_there(client, dataset):
    with external_model(answers) as model:
        entity = {"name": "elsewhere", "namespace": "team", **endpoint(model.url)}
        assert client.post("/v1/models", json=entity).status_code == 200
        body = {"type": "model", "model": "team/elsewhere"}
        job = run(client, target=body, config=config(dataset(TOOL_ROWS[:1]), TOOL_CALLING))
    assert job["status"] == "completed"
    assert model.requests[0]["model"] == "some/model"


def test_single_failed_requests_score_zero_and_are_counted(client, dataset):
    def sometimes(body):
        question = body["messages"][-1]["content"]
        return (400, {"detail": "too long"}) if question == "order 2" else answers(body)

    with external_model(sometimes) as model, external_model(lambda body: "9") as judge:
        metrics = {**TOOL_CALLING, **judged(judge.url)}
        job = run(client, target=target(model.url), config=config(dataset(TOOL_ROWS[:2]), metrics))
    assert job["status"] == "completed"
    assert scores(client, job, "tool-calling-accuracy")["function_name_accuracy"]["value"] == 0.5
    similarity = scores(client, job, "llm-judge")["similarity"]
    assert (similarity["value"], similarity["stats"]["nan_count"]) == (9, 1)
    assert "the model did not answer 1 of 2 requests" in job["status_details"]["message"]
    assert len(judge.requests) == 1
    failed = samples(client, job)[1]["sample"]
    assert failed["output_text"] == ""
    assert failed["response"] is None
    assert "too long" in failed["error"]


def test_a_busy_model_is_asked_again(client, dataset):
    said = iter([(503, {}), (429, {}), tool_message(("get_order", {"id": "W1"}))])
    with external_model(lambda body: next(said)) as model:
        job = run(client, target=target(model.url), config=config(dataset(TOOL_ROWS[:1]), TOOL_CALLING))
    assert scores(client, job, "tool-calling-accuracy")["function_name_accuracy"]["value"] == 1
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    ("limits", "params", "asked"),
    [
        ({}, {}, 5),
        ({"limit": 3}, {}, 3),
        ({}, {"limit_samples": 2}, 2),
        ({"limit": 3}, {"limit_samples": 4}, 3),
    ],
)
def test_the_smaller_limit_is_kept(client, dataset, limits, params, asked):
    rows = [row(str(n), tool_calls=[]) for n in range(5)]
    with external_model(lambda body: "none") as model:
        job = run(
            client, target=target(model.url), config=config(dataset(rows, **limits), TOOL_CALLING, **params)
        )
    assert sorted(one["messages"][0]["content"] for one in model.requests) == [str(n) for n in range(asked)]
    assert job["status_details"]["samples_processed"] == asked


def test_samples_keep_the_order_of_the_rows_whatever_answers_first(client, dataset):
    last_asked = threading.Event()

    def slow_first(body):
        question = body["messages"][-1]["content"]
        if question == "0":
            assert last_asked.wait(20)
        if question == "7":
            last_asked.set()
        return question

    rows = [row(str(n), tool_calls=[]) for n in range(8)]
    with external_model(slow_first) as model:
        job = run(client, target=target(model.url), config=config(dataset(rows), TOOL_CALLING, parallelism=2))
    assert [one["sample"]["output_text"] for one in samples(client, job)] == [str(n) for n in range(8)]


def test_the_request_holds_what_the_template_and_the_parameters_say(client, dataset):
    rows = [
        {**row("q", tool_calls=[]), "tools": [{"type": "function", "function": {"name": "f"}}], "none": None}
    ]
    template = {
        "messages": "{{ item.request.messages | tojson }}",
        "tools": "{{ item.tools | tojson }}",
        "tool_choice": "required",
        "nvext": {"guided_json": "{{ item.tools[0] | tojson }}"},
        "stop": "{{ item.none | tojson }}",
    }
    with external_model(lambda body: "x") as model:
        run(
            client,
            target=target(model.url),
            config=config(dataset(rows), TOOL_CALLING, template=template, temperature=0.2, max_tokens=64),
        )
    assert model.requests == [
        {
            "model": "some/model",
            "temperature": 0.2,
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "q"}],
            "tools": rows[0]["tools"],
            "tool_choice": "required",
            "nvext": {"guided_json": rows[0]["tools"][0]},
        }
    ]


def test_the_archive_has_the_samples_and_the_result(client, dataset):
    with external_model(answers) as model:
        job = run(client, target=target(model.url), config=config(dataset(TOOL_ROWS), TOOL_CALLING))
    for accept in ("application/zip", "application/json"):
        answer = client.get(f"/v1/evaluation/jobs/{job['id']}/download-results", headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/zip"
    files = archive(client, job)
    assert sorted(files.namelist()) == ["results/evaluation_result.json", "results/results.json"]
    assert (
        json.loads(files.read("results/evaluation_result.json"))
        == client.get(f"/v1/evaluation/results/{job['result']}").json()
    )
    first = samples(client, job)[0]
    assert first["item"] == TOOL_ROWS[0]
    assert first["sample"]["response"]["usage"]["total_tokens"] == 2
    assert first["metrics"]["tool-calling-accuracy"]["scores"]["function_name_accuracy"] == {
        "value": 1,
        "stats": None,
    }
    assert first["requests"][0]["request"]["messages"] == TOOL_ROWS[0]["request"]["messages"]
    assert first["requests"][0]["response"] == first["sample"]["response"]


def test_results_are_absent_until_the_job_is_completed(client, dataset):
    asked, go_on = threading.Event(), threading.Event()

    def waits(body):
        asked.set()
        assert go_on.wait(20)
        return "x"

    with external_model(waits) as model:
        rows = [row("q", tool_calls=[])] * 2
        job = client.post(
            "/v1/evaluation/jobs",
            json={"target": target(model.url), "config": config(dataset(rows), TOOL_CALLING, parallelism=1)},
        ).json()
        assert asked.wait(20)
        for part in ("results", "download-results"):
            answer = client.get(f"/v1/evaluation/jobs/{job['id']}/{part}")
            assert answer.status_code == 404
            assert "no results" in answer.json()["detail"]
        status = client.get(f"/v1/evaluation/jobs/{job['id']}/status").json()
        assert status["task_status"] == {"custom-tool-calling": "running"}
        assert "status" not in status
        go_on.set()
        assert finished(client, "evaluation", job["id"])["status"] == "completed"


def test_progress_counts_samples_and_never_falls(client, dataset):
    tickets = threading.Semaphore(0)

    def paced(body):
        assert tickets.acquire(timeout=20)
        return "x"

    seen = []
    with external_model(paced) as model:
        rows = [row("q", tool_calls=[])] * 4
        job = client.post(
            "/v1/evaluation/jobs",
            json={"target": target(model.url), "config": config(dataset(rows), TOOL_CALLING, parallelism=2)},
        ).json()
        for done in range(1, 4):
            tickets.release()
            status = eventually(
                lambda: client.get(f"/v1/evaluation/jobs/{job['id']}/status").json(),
                lambda status, done=done: status.get("samples_processed") == done,
            )
            seen.append(status["progress"])
        tickets.release()
        finished(client, "evaluation", job["id"])
    assert seen == [25, 50, 75]


def test_cancelling_a_running_job_stops_asking(client, dataset):
    asked, go_on = threading.Event(), threading.Event()

    def waits(body):
        asked.set()
        assert go_on.wait(20)
        return "x"

    with external_model(waits) as model:
        rows = [row("q", tool_calls=[])] * 50
        job = client.post(
            "/v1/evaluation/jobs",
            json={"target": target(model.url), "config": config(dataset(rows), TOOL_CALLING, parallelism=1)},
        ).json()
        assert asked.wait(20)
        answer = client.post(f"/v1/evaluation/jobs/{job['id']}/cancel")
        assert answer.status_code == 200
        assert answer.json()["status"] == "cancelling"
        assert finished(client, "evaluation", job["id"])["status"] == "cancelled"
        go_on.set()
    assert len(model.requests) == 1
    assert client.post(f"/v1/evaluation/jobs/{job['id']}/cancel").status_code == 400
    assert client.get(f"/v1/evaluation/jobs/{job['id']}/results").status_code == 404


def test_deleting_a_running_job_stops_it_and_leaves_nothing(platform, client, dataset):
    asked, go_on = threading.Event(), threading.Event()

    def waits(body):
        asked.set()
        assert go_on.wait(20)
        return "x"

    with external_model(waits) as model:
        job = client.post(
            "/v1/evaluation/jobs",
            json={
                "target": target(model.url),
                "config": config(dataset([row("q", tool_calls=[])]), TOOL_CALLING),
            },
        ).json()
        assert asked.wait(20)
        deleted = client.delete(f"/v1/evaluation/jobs/{job['id']}")
        assert deleted.json()["id"] == job["id"]
        assert client.get(f"/v1/evaluation/jobs/{job['id']}").status_code == 404
        folder = platform.settings.state_dir / "evaluations" / job["id"]
        eventually(folder.exists, lambda there: not there)
        go_on.set()


def test_deleting_a_completed_job_removes_its_files(platform, client, dataset):
    with external_model(answers) as model:
        job = run(client, target=target(model.url), config=config(dataset(TOOL_ROWS), TOOL_CALLING))
    repo = f"evaluation-results/{job['id']}"
    assert job["output_files_url"] == f"hf://datasets/{repo}"
    assert platform.datastore.list_files("dataset", repo) == [
        "results/evaluation_result.json",
        "results/results.json",
    ]
    assert client.delete(f"/v1/evaluation/jobs/{job['id']}").status_code == 200
    assert not platform.datastore.exists("dataset", repo)
    assert not (platform.settings.state_dir / "evaluations" / job["id"]).exists()


def test_references_come_back_as_objects(client, dataset):
    with external_model(answers) as model:
        how = client.post(
            "/v1/evaluation/configs",
            json={"name": "how", "namespace": "team", **config(dataset(TOOL_ROWS), TOOL_CALLING)},
        ).json()
        what = client.post(
            "/v1/evaluation/targets", json={"name": "what", "namespace": "team", **target(model.url)}
        ).json()
        job = run(client, config="team/how", target="team/what")
    assert job["config"] == how
    assert job["target"] == what
    assert job["status"] == "completed"


def test_objects_sent_with_a_job_become_entities(client, dataset):
    with external_model(answers) as model:
        job = run(
            client,
            namespace="team",
            target=target(model.url),
            config=config(dataset(TOOL_ROWS), TOOL_CALLING),
        )
    made = job["config"]
    assert made["id"] == made["name"]
    assert made["id"].startswith("eval-config-")
    assert client.get(f"/v1/evaluation/configs/team/{made['name']}").json() == made
    inner = made["tasks"]["custom-tool-calling"]["dataset"]
    assert inner["id"].startswith("dataset-")
    assert inner["version_id"] == "main"
    assert job["target"]["model"]["api_endpoint"]["format"] == "nim"
    assert client.get(f"/v1/evaluation/targets/team/{job['target']['name']}").json() == job["target"]


def test_a_name_that_nothing_has_is_404(client, dataset):
    good = config(dataset([row("q")]), TOOL_CALLING)
    for body in ({"config": "team/none", "target": target(NOBODY)}, {"config": good, "target": "team/none"}):
        answer = client.post("/v1/evaluation/jobs", json=body)
        assert answer.status_code == 404
        assert "team/none" in answer.json()["detail"]


TASK = ("tasks", "custom-tool-calling")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c.pop("type"), ["type"]),
        (lambda c: c.update(type="mmlu"), ["config", "type"]),
        (lambda c: c.pop("tasks"), ["config", "tasks"]),
        (lambda c: c["tasks"]["custom-tool-calling"].update(type="guess"), ["config", *TASK, "type"]),
        (lambda c: c["tasks"]["custom-tool-calling"].pop("dataset"), ["config", *TASK, "dataset"]),
        (
            lambda c: c["tasks"]["custom-tool-calling"].update(metrics={"m": {"type": "rouge"}}),
            ["metrics", "m", "type"],
        ),
        (lambda c: c.update(params={"limit_samples": 0}), ["params", "limit_samples"]),
    ],
)
def test_a_config_that_cannot_run_is_422_and_names_the_field(client, dataset, change, named):
    body = config(dataset([row("q")]), json.loads(json.dumps(TOOL_CALLING)))
    change(body)
    answer = client.post("/v1/evaluation/jobs", json={"config": body, "target": target(NOBODY)})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-len(named) :] == named


def test_a_supported_list_is_part_of_the_refusal(client, dataset):
    body = config(dataset([row("q")]), {"m": {"type": "rouge"}})
    answer = client.post("/v1/evaluation/jobs", json={"config": body, "target": target(NOBODY)})
    assert answer.json()["detail"][0]["msg"] == "supported: tool-calling, llm-judge, string-check, bleu"


@pytest.mark.parametrize("missing", ["hf://datasets/no/such/eval.jsonl", "hf://datasets/x", "team/nothing"])
def test_a_dataset_that_is_not_there_fails_the_job_and_is_named(client, missing):
    job = run(client, target=target(NOBODY), config=config({"files_url": missing}, TOOL_CALLING))
    assert job["status"] == "failed"
    assert missing in job["status_details"]["message"]


def test_a_dataset_without_rows_fails_the_job(client, dataset):
    job = run(client, target=target(NOBODY), config=config(dataset([]), TOOL_CALLING))
    assert job["status"] == "failed"
    assert "has no rows" in job["status_details"]["message"]


def test_a_template_that_fits_no_row_fails_the_job_and_names_the_row(client, dataset):
    body = config(dataset([row("q")]), TOOL_CALLING, template={"messages": "{{ item.question | tojson }}"})
    job = run(client, target=target(NOBODY), config=body)
    assert job["status"] == "failed"
    message = job["status_details"]["message"]
    assert message.startswith("row 1: config.tasks.custom-tool-calling.params.template.messages: ")


def test_a_row_that_is_no_json_fails_the_job_and_is_named(platform, client):
    platform.datastore.commit("dataset", "team/broken", {"eval.jsonl": b'{"request": 1}\n{broken\n'})
    body = config({"files_url": "hf://datasets/team/broken/eval.jsonl"}, TOOL_CALLING)
    with external_model(lambda body: "x") as model:
        body["tasks"]["custom-tool-calling"]["params"]["template"]["messages"] = []
        body["tasks"]["custom-tool-calling"]["metrics"]["tool-calling-accuracy"]["params"] = {
            "tool_calls_ground_truth": []
        }
        job = run(client, target=target(model.url), config=body)
    assert job["status_details"]["message"] == "row 2 of the dataset is not JSON"


@pytest.mark.parametrize(("skips", "between"), [(False, ["pending"]), (True, [])])
def test_a_job_passes_through_pending_unless_told_not_to(skips, between):
    rows = [row("q", tool_calls=[])]
    with (
        running_platform(job_start=0.2, evaluator_skips_pending=skips) as platform,
        nemo(platform) as client,
        external_model(lambda body: "x") as model,
    ):
        write_rows(platform, "team/rows", {"eval.jsonl": rows})
        body = config({"files_url": "hf://datasets/team/rows/eval.jsonl"}, TOOL_CALLING)
        job = client.post("/v1/evaluation/jobs", json={"config": body, "target": target(model.url)}).json()
        assert job["status_details"] == {"message": None, "task_status": {}, "progress": None}
        seen = [job["status"]]

        def look():
            status = client.get(f"/v1/evaluation/jobs/{job['id']}").json()["status"]
            seen.extend([status] if status != seen[-1] else [])
            return status

        eventually(look, lambda status: status in ("completed", "failed"))
    assert [word for word in seen if word != "running"] == ["created", *between, "completed"]


def test_an_evaluation_that_was_interrupted_asks_only_for_what_is_missing(tmp_path):
    tickets = threading.Semaphore(3)

    def limited(body):
        tickets.acquire()
        return body["messages"][-1]["content"]

    rows = [row(str(n), tool_calls=[]) for n in range(6)]
    body = config({"files_url": "hf://datasets/team/rows/eval.jsonl"}, TOOL_CALLING, parallelism=1)
    with external_model(limited) as model:
        with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
            write_rows(platform, "team/rows", {"eval.jsonl": rows})
            job = client.post(
                "/v1/evaluation/jobs", json={"config": body, "target": target(model.url)}
            ).json()
            eventually(
                lambda: client.get(f"/v1/evaluation/jobs/{job['id']}/status").json(),
                lambda status: status.get("samples_processed") == 3,
            )
        asked = len(model.requests)
        tickets.release(10)
        with running_platform(state_dir=tmp_path) as platform, nemo(platform) as client:
            first = client.get(f"/v1/evaluation/jobs/{job['id']}/status").json()
            assert first["samples_processed"] >= 3
            done = finished(client, "evaluation", job["id"])
            assert done["status"] == "completed"
            assert done["status_details"]["samples_processed"] == 6
            assert [one["sample"]["output_text"] for one in samples(client, done)] == list("012345")
    assert asked == 4
    assert len(model.requests) == 7


def test_a_planned_fault_fails_an_evaluation_with_its_text(tmp_path, dataset):
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps([{"kind": "evaluation", "nth": [1], "fail": "the node was lost"}]))
    with (
        running_platform(faults=plan, state_dir=tmp_path / "state") as platform,
        nemo(platform) as client,
        external_model(answers) as model,
    ):
        write_rows(platform, "team/rows", {"eval.jsonl": TOOL_ROWS})
        body = config({"files_url": "hf://datasets/team/rows/eval.jsonl"}, TOOL_CALLING)
        first = run(client, target=target(model.url), config=body)
        second = run(client, target=target(model.url), config=body)
    assert first["status"] == "failed"
    assert first["status_details"]["message"] == "the node was lost"
    assert second["status"] == "completed"


def live_config(check):
    metrics = {"accuracy": {"type": "string-check", "params": {"check": check}}}
    return {"type": "custom", "tasks": {"qa": {"type": "data", "metrics": metrics}}}


def test_a_live_evaluation_checks_rows_at_once_and_keeps_nothing(client):
    rows = [{"output": "it is 42", "expected": "42"}, {"output": "no idea", "expected": "7"}]
    before = client.get("/v1/evaluation/jobs").json()["pagination"]["total_results"]
    answer = client.post(
        "/v1/evaluation/live",
        json={
            "target": {"type": "rows", "rows": rows},
            "config": live_config(["{{output}}", "contains", "{{item.expected}}"]),
        },
    )
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "completed"
    found = body["result"]["tasks"]["qa"]["metrics"]["accuracy"]["scores"]["string-check"]
    assert found["value"] == 0.5
    assert body["result"]["job"].startswith("eval-")
    assert client.get("/v1/evaluation/jobs").json()["pagination"]["total_results"] == before


def test_a_live_evaluation_refuses_to_ask_a_model(client, dataset):
    answer = client.post(
        "/v1/evaluation/live",
        json={"target": target(NOBODY), "config": config(dataset([row("q")]), TOOL_CALLING)},
    )
    assert answer.status_code == 422


def test_results_can_be_listed_by_job(client):
    made = client.post("/v1/evaluation/results", json={"job": "eval-x", "tasks": {}}).json()
    client.post("/v1/evaluation/results", json={"job": "eval-y"})
    found = client.get("/v1/evaluation/results", params={"filter[job_id]": "eval-x"}).json()["data"]
    assert [one["id"] for one in found] == [made["id"]]
    changed = client.patch(f"/v1/evaluation/results/{made['id']}", json={"description": "kept"}).json()
    assert changed["description"] == "kept"
    assert client.delete(f"/v1/evaluation/results/{made['id']}").json()["id"] == made["id"]
    assert client.get(f"/v1/evaluation/results/{made['id']}").status_code == 404
