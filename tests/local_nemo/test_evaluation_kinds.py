"""The kinds of tasks, targets, datasets and metrics, one after the other."""

import json

import pytest
from evaluating import NOBODY, TOOL_CALLING, config, judged, row, run, samples, scores, target
from job_driving import external_model, nemo, write_rows

from include.local_nemo.testing import running_platform

ROWS = [{"question": "2+2?", "answer": "4"}, {"question": "3+3?", "answer": "six"}]
CSV = 'question,answer\n"2+2?",4\n"3+3?",six\n'
FILES = {
    "rows.jsonl": "".join(json.dumps(one) + "\n" for one in ROWS),
    "rows.json": json.dumps(ROWS),
    "rows.csv": CSV,
}


@pytest.fixture(scope="module")
def platform():
    with running_platform() as running:
        content = {name: text.encode() for name, text in FILES.items()}
        running.datastore.commit("dataset", "team/kinds", content)
        running.datastore.commit("dataset", "team/given", {"rows.jsonl": FILES["rows.jsonl"].encode()})
        yield running


@pytest.fixture(scope="module")
def client(platform):
    with nemo(platform) as http:
        yield http


def checked(left, operation, right):
    return {"m": {"type": "string-check", "params": {"check": [left, operation, right]}}}


def given(metrics, dataset=None):
    """A config whose rows hold the outputs already."""
    task = {"type": "data", "metrics": metrics}
    return {"type": "custom", "tasks": {"t": {**task, "dataset": dataset} if dataset else task}}


HOLDS = checked("{{ item.answer }}", "contains", "4")
"""Of `ROWS` for the first and not for the second."""


def refusal(client, **body):
    answer = client.post("/v1/evaluation/jobs", json=body)
    assert answer.status_code == 422, answer.text
    return answer.json()["detail"][0]


def test_a_completion_task_asks_with_a_prompt(client):
    task = {
        "type": "completion",
        "dataset": {"files_url": "hf://datasets/team/kinds/rows.jsonl"},
        "params": {"template": {"prompt": "Q: {{ item.question }} A:"}, "max_tokens": 5},
        "metrics": checked("{{ sample.output_text }}", "equals", "{{ item.answer }}"),
    }
    said = {
        "model": "some/model",
        "choices": [{"index": 0, "text": "4", "finish_reason": "stop"}],
        "usage": {},
    }
    with external_model(lambda body: (200, said)) as model:
        job = run(client, target=target(model.url), config={"type": "custom", "tasks": {"t": task}})
    assert scores(client, job, "m", "t")["string-check"]["value"] == 0.5
    assert sorted(request["prompt"] for request in model.requests) == ["Q: 2+2? A:", "Q: 3+3? A:"]
    assert {request["max_tokens"] for request in model.requests} == {5}


@pytest.mark.parametrize("name", FILES)
def test_rows_come_from_json_lines_a_json_list_or_csv(client, name):
    dataset = {"files_url": f"hf://datasets/team/kinds/{name}"}
    metrics = checked("{{ sample.output_text }}", "equals", "{{ item.answer }}")
    template = {"messages": [{"role": "user", "content": "{{ item.question }}"}]}
    with external_model(lambda body: "4") as model:
        body = config(dataset, metrics, template=template, task="t")
        job = run(client, target=target(model.url), config=body)
    assert [one["item"] for one in samples(client, job, "t")] == ROWS
    assert scores(client, job, "m", "t")["string-check"]["value"] == 0.5


@pytest.mark.parametrize(
    "of",
    [
        {"type": "rows", "rows": ROWS},
        {"type": "dataset", "dataset": {"files_url": "hf://datasets/team/kinds/rows.csv"}},
        {"type": "dataset", "dataset": "hf://datasets/team/given"},
    ],
)
def test_outputs_that_are_there_are_graded_by_a_job_and_live(client, of):
    job = run(client, target=of, config=given(HOLDS))
    assert scores(client, job, "m", "t")["string-check"]["value"] == 0.5
    live = client.post("/v1/evaluation/live", json={"target": of, "config": given(HOLDS)}).json()
    assert live["status"] == "completed"
    found = live["result"]["tasks"]["t"]["metrics"]["m"]["scores"]["string-check"]
    assert (found["value"], found["stats"]["count"]) == (0.5, 2)


@pytest.mark.parametrize(
    "of",
    [
        {"type": "cached_outputs", "cached_outputs": {"files_url": "hf://datasets/team/kinds/rows.csv"}},
        {"type": "retriever", "retriever": {"dataset": {"files_url": "hf://datasets/team/kinds"}}},
        {"type": "rag", "rag": {"cached_outputs": {"files_url": "hf://datasets/team/kinds"}}},
    ],
    ids=lambda of: of["type"],
)
def test_a_target_of_another_type_is_kept_but_no_job_takes_it(client, of):
    made = client.post("/v1/evaluation/targets", json={"name": of["type"], "namespace": "team", **of})
    assert made.status_code == 200
    assert made.json()[of["type"]] == of[of["type"]]
    error = refusal(client, target=f"team/{of['type']}", config=given(HOLDS))
    assert error["loc"] == ["body", "target", "type"]
    assert error["msg"] == "supported: model, rows, dataset"


def test_a_live_evaluation_asks_a_judge(client):
    judge_at = judged(NOBODY)["llm-judge"]["params"]
    template = {"messages": [{"role": "user", "content": "{{ item.question }}|{{ item.answer }}"}]}
    with external_model(lambda body: "10" if body["messages"][0]["content"] == "2+2?|4" else "1") as judge:
        params = {**judge_at, "model": target(judge.url)["model"], "template": template}
        metrics = {"m": {"type": "llm-judge", "params": params}}
        body = {"target": {"type": "rows", "rows": ROWS}, "config": given(metrics)}
        live = client.post("/v1/evaluation/live", json=body).json()
    assert live["result"]["tasks"]["t"]["metrics"]["m"]["scores"]["similarity"]["value"] == 5.5


@pytest.mark.parametrize(
    ("metrics", "of", "reason"),
    [
        (checked("{{ nothing }}", "equals", "x"), {"type": "rows", "rows": ROWS}, "nothing"),
        (HOLDS, {"type": "dataset", "dataset": "hf://datasets/team/none/x.csv"}, "team/none"),
        (
            checked("{{ 'a' * 10000000000 }}", "equals", "x"),
            {"type": "rows", "rows": ROWS},
            "may not make more than 10000000 characters",
        ),
    ],
)
def test_a_live_evaluation_that_fails_says_why(client, metrics, of, reason):
    answer = client.post("/v1/evaluation/live", json={"target": of, "config": given(metrics)})
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert answer.json()["status_details"]["task_status"] == {"t": "failed"}
    assert reason in answer.json()["status_details"]["message"]


def test_bleu_compares_an_answer_with_its_references(platform, client):
    write_rows(
        platform,
        "team/bleu",
        {"rows.jsonl": [{"ideal": "the cat sat on the mat"}, {"ideal": "a dog barked"}]},
    )
    metrics = {"likeness": {"type": "bleu", "params": {"references": ["{{ item.ideal }}", "no such thing"]}}}
    template = {"messages": [{"role": "user", "content": "{{ item.ideal }}"}]}
    with external_model(lambda body: "the cat sat on the mat") as model:
        body = config({"files_url": "hf://datasets/team/bleu/rows.jsonl"}, metrics, template=template)
        job = run(client, target=target(model.url), config=body)
    values = [one["metrics"]["likeness"]["scores"]["sentence"]["value"] for one in samples(client, job)]
    assert values[0] == 100
    assert values[1] == 0


def test_bleu_of_given_rows_needs_to_be_told_which_text_is_graded(client):
    rows = {"type": "rows", "rows": [{"said": "yes it is", "ideal": "yes it is"}]}
    params = {"references": ["{{ item.ideal }}"]}
    error = refusal(client, target=rows, config=given({"m": {"type": "bleu", "params": params}}))
    assert error["loc"][-2:] == ["params", "candidate"]
    metrics = {"m": {"type": "bleu", "params": {**params, "candidate": "{{ item.said }}"}}}
    job = run(client, target=rows, config=given(metrics))
    assert scores(client, job, "m", "t")["sentence"]["value"] == 100


def test_tool_calls_of_given_rows_cannot_be_graded(client):
    error = refusal(client, target={"type": "rows", "rows": ROWS}, config=given(TOOL_CALLING))
    assert error["loc"][-2:] == ["tool-calling-accuracy", "type"]
    assert "a task of type data has none" in error["msg"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"scores": {"s": "abc"}}, ["scores", "s"]),
        ({"scores": {"s": [1]}}, ["scores", "s"]),
        ({"scores": {"s": {"type": "int", "parser": {"type": "json"}}}}, ["scores", "s", "parser"]),
        (
            {"scores": {"s": {"type": "int", "parser": {"type": "regex", "pattern": "a{9999999999}"}}}},
            ["scores", "s", "parser", "pattern"],
        ),
        ({"model": {"api_endpoint": {"url": 5, "model_id": "x"}}}, ["model"]),
        ({"template": "text"}, ["template"]),
    ],
)
def test_a_judge_that_cannot_be_asked_is_refused_with_the_field_named(client, change, where):
    metrics = judged(NOBODY)
    metrics["llm-judge"]["params"] |= change
    body = config({"files_url": "hf://datasets/team/kinds/rows.csv"}, metrics)
    error = refusal(client, target=target(NOBODY), config=body)
    assert error["loc"][-len(where) - 1 :] == ["params", *where]


@pytest.mark.parametrize("kind", ["configs", "targets"])
def test_a_config_or_target_has_its_name_alone(client, kind):
    body = {"configs": given(HOLDS), "targets": {"type": "rows", "rows": ROWS}}[kind]
    path = f"/v1/evaluation/{kind}"
    assert client.post(path, json={"name": "alone", "namespace": "team", **body}).status_code == 200
    again = client.post(path, json={"name": "alone", "namespace": "team", **body})
    assert again.status_code == 409
    assert again.json()["detail"] == f"evaluation {kind[:-1]} 'team/alone' already exists"


def test_a_job_that_is_refused_leaves_no_config_behind(client):
    taken = {"name": "taken", "namespace": "team", "type": "rows", "rows": ROWS}
    client.post("/v1/evaluation/targets", json=taken).raise_for_status()
    body = {"target": taken, "config": {"name": "left-behind", "namespace": "team", **given(HOLDS)}}
    refused = client.post("/v1/evaluation/jobs", json=body)
    assert refused.status_code == 409
    assert client.get("/v1/evaluation/configs/team/left-behind").status_code == 404


def test_the_result_of_a_deleted_job_is_gone_with_it(client):
    job = run(client, target={"type": "rows", "rows": ROWS}, config=given(HOLDS))
    assert client.get(f"/v1/evaluation/results/{job['result']}").status_code == 200
    client.delete(f"/v1/evaluation/jobs/{job['id']}").raise_for_status()
    assert client.get(f"/v1/evaluation/results/{job['result']}").status_code == 404


def test_jobs_are_found_by_what_they_refer_to_and_what_describes_them(client):
    client.post(
        "/v1/evaluation/targets", json={"name": "seen", "namespace": "team", **target(NOBODY)}
    ).raise_for_status()
    how = {"name": "how", "namespace": "team", **config({"files_url": "hf://x"}, TOOL_CALLING)}
    client.post("/v1/evaluation/configs", json=how).raise_for_status()
    described = {
        "project": "p7",
        "namespace": "found",
        "custom_fields": {"run": "r7"},
        "description": "Seven",
    }
    job = run(client, config="team/how", target="team/seen", **described)
    other = run(client, target={"type": "rows", "rows": [row("q")]}, config=given(HOLDS), namespace="found")

    def found(**query):
        params = {"filter[namespace]": "found", **query}
        return [one["id"] for one in client.get("/v1/evaluation/jobs", params=params).json()["data"]]

    assert found() == [other["id"], job["id"]]
    for query in (
        {"filter[config]": "team/how"},
        {"filter[config][name]": "how"},
        {"filter[target]": "team/seen"},
        {"filter[target][type]": "model"},
        {"filter[project]": "p7"},
        {"filter[custom_fields][run]": "r7"},
        {"filter[created_at][lte]": job["created_at"]},
        {"search[description]": "sev"},
        {"search[project]": "P"},
        {"search[custom_fields][run]": "7"},
    ):
        assert found(**query) == [job["id"]], query
    assert found(**{"filter[status]": "failed"}) == [other["id"], job["id"]]
    assert found(**{"filter[status]": "running,pending"}) == []
