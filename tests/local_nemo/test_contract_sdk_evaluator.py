"""Evaluator through NVIDIA's client, validated strictly; see `sdk_oracle.py`."""

import io
import json
import zipfile
from typing import Any

import httpx
import nemo_microservices as sdk
from nemo_microservices.types.evaluation import EvaluationJob
from sdk_oracle import DELETED, FOREIGN, NAMESPACE, SECONDS, TIMES, Json, Oracle, absent, present

from include.local_nemo.testing import wait_until


def tool_task(limit: int = 4) -> Json:
    return {
        "type": "custom",
        "tasks": {
            "custom-tool-calling": {
                "type": "chat-completion",
                "params": {
                    "template": {
                        "messages": "{{ item.request.messages | tojson }}",
                        "tools": "{{ item.request.tools | tojson }}",
                        "tool_choice": "required",
                    }
                },
                "metrics": {
                    "tool-calling-accuracy": {
                        "type": "tool-calling",
                        "params": {
                            "tool_calls_ground_truth": "{{ item.response.choices[0].message.tool_calls | tojson }}"
                        },
                    }
                },
                "dataset": {
                    "files_url": f"hf://datasets/{NAMESPACE}/logs/testing/eval.jsonl",
                    "limit": limit,
                },
            }
        },
    }


def test_evaluation_configs_and_targets(oracle: Oracle) -> None:
    client, of = oracle.client.evaluation, {"namespace": NAMESPACE}
    has = {"id", "name", "namespace", "type", *TIMES}
    oracle.check(
        client.configs.create, name="c", **of, **tool_task(), has={*has, "tasks.custom-tool-calling.metrics"}
    )
    oracle.check(client.configs.retrieve, "c", **of, has=has)
    oracle.check(
        client.configs.update, "c", path_namespace=NAMESPACE, description="d", has={*has, "description"}
    )
    oracle.check_list(client.configs.list, sdk.types.EvaluationConfig, has=has)
    oracle.check(client.configs.delete, "c", **of, has=DELETED)

    oracle.check(client.targets.create, name="t", **of, type="model", model=FOREIGN, has={*has, "model"})
    oracle.check(client.targets.retrieve, "t", **of, has=has)
    oracle.check(client.targets.update, "t", **of, description="d", has={*has, "description"})
    oracle.check_list(client.targets.list, sdk.types.EvaluationTarget, has=has)
    oracle.check(client.targets.delete, "t", **of, has=DELETED)


EVALUATION_FIELDS = {
    "id", "namespace", "status", "result", "output_files_url", "custom_fields", "status_details.message",
    "status_details.task_status", "status_details.progress", "target.id", "target.name", "target.type",
    "config.id", "config.name", "config.type", "config.tasks", *TIMES,
}  # fmt: skip
RESULT_FIELDS = {"id", "job", "namespace", "tasks", "groups", "custom_fields", *TIMES}


def evaluate(oracle: Oracle, **more: Any) -> EvaluationJob:
    target = {"type": "model", "model": FOREIGN}
    made = oracle.check(
        oracle.client.evaluation.jobs.create, config=tool_task(), target=target, has=EVALUATION_FIELDS, **more
    )
    assert isinstance(made, EvaluationJob)
    return made


def test_evaluation_jobs(oracle: Oracle, nemo: httpx.Client, dataset: str, served: None) -> None:
    api = oracle.client.evaluation.jobs
    made = evaluate(oracle, namespace=NAMESPACE, custom_fields={"run": "7"})
    assert made.id is not None
    job = made.id
    assert made.status == "created"
    wait_until(lambda: oracle.check(api.retrieve, job, has=EVALUATION_FIELDS).status == "completed", SECONDS)
    done = api.retrieve(job)
    assert str(done.result).startswith("evaluation_result-")
    assert done.output_files_url == f"hf://datasets/evaluation-results/{job}"

    oracle.check(api.status, job, has={"message", "task_status", "progress", "samples_processed"})
    assert "status" not in json.loads(oracle.raw), "the details carry no status word"
    result = oracle.check(api.results, job, has=RESULT_FIELDS)
    scores = result.tasks["custom-tool-calling"].metrics["tool-calling-accuracy"].scores
    assert scores.keys() == {"function_name_accuracy", "function_name_and_args_accuracy"}
    assert scores["function_name_accuracy"].stats.count == 4
    oracle.check_list(api.list, EvaluationJob, has=EVALUATION_FIELDS, filter={"namespace": NAMESPACE})

    with zipfile.ZipFile(io.BytesIO(api.download_results(job).read())) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith("/results.json")]
        samples = json.loads(archive.read(path))["custom-tool-calling"]
    present(
        samples[0],
        {"item.workload_id", "item.timestamp", "sample.output_text", "sample.response.usage", "requests"},
    )
    assert [sample["item"]["timestamp"] for sample in samples] == [1746138417 + n for n in range(20, 24)]

    logs = nemo.get(f"/v1/evaluation/jobs/{job}/logs")
    assert logs.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(logs.content)).testzip() is None

    api.delete(job)
    assert absent(lambda: api.retrieve(job))


def test_an_evaluation_job_is_cancelled(oracle: Oracle, dataset: str) -> None:
    api = oracle.client.evaluation.jobs
    made = evaluate(oracle)
    assert made.id is not None
    try:
        api.cancel(made.id)
    except sdk.BadRequestError:
        assert api.retrieve(made.id).status in ("completed", "failed")  # it was quicker
    else:
        EvaluationJob.model_validate_json(oracle.raw, strict=True)
        present(json.loads(oracle.raw), EVALUATION_FIELDS)
        wait_until(lambda: api.retrieve(str(made.id)).status == "cancelled")


def test_evaluation_results(oracle: Oracle) -> None:
    api = oracle.client.evaluation.results
    score = {"similarity": {"value": 6.4, "stats": {"count": 100, "sum": 640.0, "mean": 6.4}}}
    tasks = {"llm-as-judge": {"metrics": {"llm-judge": {"scores": score}}}}
    made = oracle.check(
        api.create, job="eval-x", tasks=tasks, has={"id", "job", "namespace", "tasks", *TIMES}
    )
    oracle.check(api.retrieve, made.id, has={"tasks.llm-as-judge.metrics"})
    assert oracle.check(api.update, made.id, description="d", has={"job"}).description == "d"
    oracle.check_list(api.list, sdk.types.EvaluationResult, has={"id", "job"})
    oracle.check(api.delete, made.id, has=DELETED)
    assert absent(lambda: api.retrieve(made.id))


def test_live_evaluation(oracle: Oracle) -> None:
    metric = {"type": "string-check", "params": {"check": ["{{some_output}}", "contains", "{{expected}}"]}}
    live = oracle.check(
        oracle.client.evaluation.live,
        config={"type": "custom", "tasks": {"t": {"type": "data", "metrics": {"m": metric}}}},
        target={
            "type": "rows",
            "rows": [{"some_output": "abc", "expected": "b"}, {"some_output": "x", "expected": "b"}],
        },
        has={"status", "status_details", "result.job", "result.tasks.t.metrics.m.scores"},
    )
    assert live.status == "completed"
    (score,) = live.result.tasks["t"].metrics["m"].scores.values()
    assert score.value == 0.5
