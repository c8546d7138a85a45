"""Waits, made as a task's try or the triggerer makes them, and answers that a wait has to bear."""

import time
from typing import Any

from airflow.triggers.base import TriggerEvent

from nemo_provider.sensors.customizer import NemoCustomizationSensor
from nemo_provider.sensors.evaluator import NemoEvaluationSensor
from nemo_provider.triggers.nemo import NemoJobTrigger
from tests.nemo_provider.support import Tenant

#: Seconds between two polls.
POLL = 0.02
#: What a proxy or an odd release may answer, with 200, to a question for a job.
ODD_ANSWERS: list[Any] = ["", None, [], '"text"', {"status": ["running"]}, {"status_details": "text"}]


def odd_evaluations() -> dict[str, list[dict[str, Any]]]:
    """Return faults by evaluation: two odd answers of one kind, then that it is completed."""
    done = {"status": 200, "body": {"status": "completed"}}
    faults: dict[str, list[dict[str, Any]]] = {}
    for number, body in enumerate(ODD_ANSWERS):
        path = f"/v1/evaluation/jobs/eval-{number}"
        faults[f"eval-{number}"] = [
            {"path": path, "nth": [1, 2], "action": {"status": 200, "body": body}},
            {"path": path, "action": done},
        ]
    return faults


def trigger(platform: Tenant, kind: Any, name: str, **changes: Any) -> NemoJobTrigger:
    """Return a trigger that waits for 20 seconds at most."""
    url = platform.nim_url if kind == "model" else platform.nemo_url
    arguments = {
        "kind": kind,
        "name": name,
        "conn_id": "nemo_default",
        "base_url": url,
        "poll_interval": POLL,
        "end_time": time.time() + 20,
        **changes,
    }
    return NemoJobTrigger(**arguments)


async def events(waiting: NemoJobTrigger) -> list[dict[str, Any]]:
    """Return all events of a trigger that is run to its end."""
    fired: list[TriggerEvent] = [event async for event in waiting.run()]
    return [event.payload for event in fired]


def wait(platform: Tenant, job_id: str, **changes: Any) -> NemoEvaluationSensor:
    """Return a new sensor for an evaluation."""
    arguments = {
        "task_id": "wait",
        "job_id": job_id,
        "poll_interval": POLL,
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoEvaluationSensor(**arguments)


def training(platform: Tenant, job_id: str, **changes: Any) -> NemoCustomizationSensor:
    """Return a new sensor for a customization."""
    arguments = {
        "task_id": "wait",
        "job_id": job_id,
        "poll_interval": POLL,
        "base_url": platform.nemo_url,
        **changes,
    }
    return NemoCustomizationSensor(**arguments)
