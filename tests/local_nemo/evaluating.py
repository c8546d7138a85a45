"""What the tests of evaluations share: rows, configs and targets, and the way from a job to its scores."""

import io
import json
import zipfile

from job_driving import finished

NOBODY = "http://127.0.0.1:9/v1/chat/completions"


def row(question, **answer):
    return {
        "request": {"model": "gpt", "messages": [{"role": "user", "content": question}]},
        "response": {"choices": [{"index": 0, "message": {"role": "assistant", **answer}}]},
        "workload_id": "w",
        "client_id": "c",
        "timestamp": 1746138417,
    }


def truth(*calls):
    return [
        {"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls
    ]


def endpoint(url, **more):
    return {"api_endpoint": {"url": url, "model_id": "some/model", **more}}


def target(url):
    return {"type": "model", "model": endpoint(url)}


def config(dataset, metrics, *, template=None, task="custom-tool-calling", **params):
    return {
        "type": "custom",
        "params": params,
        "tasks": {
            task: {
                "type": "chat-completion",
                "dataset": dataset,
                "params": {"template": template or {"messages": "{{ item.request.messages | tojson }}"}},
                "metrics": metrics,
            }
        },
    }


TOOL_CALLING = {
    "tool-calling-accuracy": {
        "type": "tool-calling",
        "params": {"tool_calls_ground_truth": "{{ item.response.choices[0].message.tool_calls | tojson }}"},
    }
}


def judged(url, pattern=r"(\d+)", **more):
    return {
        "llm-judge": {
            "type": "llm-judge",
            "params": {
                "model": endpoint(url, **more),
                "template": {
                    "messages": [
                        {"role": "system", "content": "Grade."},
                        {
                            "role": "user",
                            "content": "{{ item.request.messages[0].content }}|{{ sample.output_text }}",
                        },
                    ]
                },
                "scores": {"similarity": {"type": "int", "parser": {"type": "regex", "pattern": pattern}}},
            },
        }
    }


def run(client, **body):
    created = client.post("/v1/evaluation/jobs", json=body)
    assert created.status_code == 200, created.text
    return finished(client, "evaluation", created.json()["id"])


def scores(client, job, metric, task="custom-tool-calling"):
    result = client.get(f"/v1/evaluation/jobs/{job['id']}/results")
    assert result.status_code == 200, result.text
    return result.json()["tasks"][task]["metrics"][metric]["scores"]


def archive(client, job):
    return zipfile.ZipFile(
        io.BytesIO(client.get(f"/v1/evaluation/jobs/{job['id']}/download-results").content)
    )


def samples(client, job, task="custom-tool-calling"):
    return json.loads(archive(client, job).read("results/results.json"))[task]
