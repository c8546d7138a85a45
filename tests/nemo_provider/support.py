"""What stands in for Airflow in these tests, and small requests for the platform."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests

from include.local_nemo.platform import Platform
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.operators.customizer import NemoCustomizationOperator
from nemo_provider.operators.datasets import NemoDatasetUploadOperator
from nemo_provider.operators.deployment import NemoDeployModelOperator
from nemo_provider.operators.evaluator import NemoEvaluationOperator

MODEL = "local/student-s"
HYPERPARAMETERS = {
    "training_type": "sft",
    "finetuning_type": "lora",
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 0.01,
    "lora": {"adapter_dim": 8, "adapter_dropout": 0.1},
}
OPTION = {"training_type": "sft", "finetuning_type": "lora", "num_gpus": 1, "micro_batch_size": 1}


@dataclass(frozen=True)
class Tenant:
    """A namespace of a test's own on a platform that it may share."""

    platform: Platform
    namespace: str

    @property
    def nemo_url(self) -> str:
        return self.platform.nemo_url

    @property
    def nim_url(self) -> str:
        return self.platform.nim_url

    @property
    def datastore_url(self) -> str:
        return self.platform.datastore_url


class TaskInstance:
    """The part of a task instance that operators use."""

    def __init__(self, task_id: str = "a_task", run_id: str = "a_run") -> None:
        self.dag_id, self.task_id, self.run_id, self.map_index = "a_dag", task_id, run_id, -1
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


class StateStore(dict[str, Any]):
    """What Airflow keeps for a task from try to try."""

    set = dict.__setitem__


def context() -> dict[str, Any]:
    """Return what Airflow hands to a try of a task."""
    return {"ti": TaskInstance()}


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that happens on its own in another thread."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def jobs(platform: Tenant, kind: str = "customization") -> list[dict[str, Any]]:
    """Return all jobs of the namespace as the platform shows them, newest first."""
    query = {"page_size": "100", "filter[namespace]": platform.namespace}
    return requests.get(f"{platform.nemo_url}/v1/{kind}/jobs", params=query, timeout=10).json()["data"]


def statuses(platform: Tenant, kind: str = "customization") -> list[str]:
    """Return the statuses of all jobs, oldest first."""
    return [job["status"] for job in reversed(jobs(platform, kind))]


def customizable(platform: Tenant, tmp_path: Path, dataset: str = "chats") -> dict[str, Any]:
    """Put a dataset and a config on the platform; return what a customization of them needs."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n}?"},
                {"role": "assistant", "content": f"It is {n}."},
            ]
        }
        for n in range(12)
    ]
    data = tmp_path / "rows.jsonl"
    data.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    NemoDatasetUploadOperator(
        task_id="upload",
        files={str(data): "training/train.jsonl"},
        name=dataset,
        namespace=platform.namespace,
        base_url=platform.nemo_url,
        datastore_base_url=platform.datastore_url,
    ).execute({"ti": TaskInstance()})
    config = {
        "name": "student-s@v1.0.0+t",
        "namespace": platform.namespace,
        "target": f"{MODEL}@1.0",
        "training_options": [OPTION],
        "max_seq_length": 4096,
    }
    NemoHook(base_url=platform.nemo_url).create_customization_config(config)
    return {
        "config": f"{platform.namespace}/student-s@v1.0.0+t",
        "dataset": f"{platform.namespace}/{dataset}",
    }


def customization(platform: Tenant, wanted: dict[str, Any], **changes: Any) -> NemoCustomizationOperator:
    """Return a new operator, as every try of a task gets one."""
    arguments = {
        "task_id": "customize",
        "hyperparameters": HYPERPARAMETERS,
        "output_model": f"{platform.namespace}/customized",
        "namespace": platform.namespace,
        "job_key": "night-1/customize",
        "lost_answer_seconds": 0.1,
        "base_url": platform.nemo_url,
        **wanted,
        **changes,
    }
    return NemoCustomizationOperator(**arguments)


def evaluation(platform: Tenant, **changes: Any) -> NemoEvaluationOperator:
    """Return a new operator for an evaluation of rows that are given in the request."""
    config = {
        "type": "custom",
        "tasks": {
            "check": {
                "type": "data",
                "metrics": {
                    "says": {
                        "type": "string-check",
                        "params": {"check": ["{{ item.said }}", "equals", "{{ item.wanted }}"]},
                    }
                },
            }
        },
    }
    arguments = {
        "task_id": "evaluate",
        "config": config,
        "target": {"type": "rows", "rows": [{"said": "a", "wanted": "a"}, {"said": "a", "wanted": "b"}]},
        "namespace": platform.namespace,
        "job_key": "night-1/evaluate",
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoEvaluationOperator(**arguments)


def deployment(platform: Tenant, **changes: Any) -> NemoDeployModelOperator:
    """Return a new operator that deploys a student."""
    arguments = {
        "task_id": "deploy",
        "name": "student",
        "namespace": platform.namespace,
        "model": MODEL,
        "image_name": f"nvcr.io/nim/{MODEL}",
        "image_tag": "1.0",
        "deployment_key": "night-1",
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoDeployModelOperator(**arguments)


def reference(platform: Tenant) -> str:
    """Return the reference of the deployment that `deployment` makes."""
    return f"{platform.namespace}/student"


def deployment_status(platform: Tenant) -> str | None:
    """Return its status, or None if there is none."""
    found = NemoHook(base_url=platform.nemo_url).get_deployment(reference(platform))
    return found["status_details"]["status"] if found else None


def evaluated(platform: Tenant) -> str:
    """Submit an evaluation; return its id."""
    task: NemoEvaluationOperator = evaluation(platform)
    task.render_template_fields({})
    return task.execute(context())
