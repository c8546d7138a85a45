"""How a retry recognises what an earlier try submitted."""

from typing import Any

import pytest

from nemo_provider import identity

BODY = {"config": "ns/c@1", "dataset": "ns/d", "description": "Nightly"}
REQUEST = identity.fingerprint(BODY)


def job(status: str, request: str = REQUEST, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"cust-{status}",
        "status": status,
        "custom_fields": {"job_key": "k", "job_fingerprint": request},
        **fields,
    }


@pytest.mark.parametrize(
    ("found", "action", "superseded"),
    [
        ([], "submit", 0),
        ([job("running")], "attach", 0),
        ([job("paused by a word we do not know")], "attach", 0),
        ([job("completed")], "reuse", 0),
        ([job("failed")], "submit", 0),
        ([job("cancelled"), job("cancelling")], "submit", 0),
        ([job("completed"), job("running")], "attach", 0),
        ([job("failed"), job("completed")], "reuse", 0),
        ([job("running", "another")], "submit", 1),
        ([job("completed", "another")], "submit", 0),
        ([job("running", "another"), job("completed")], "reuse", 1),
    ],
)
def test_look_before_submit(found: list[dict], action: str, superseded: int) -> None:
    plan = identity.plan(found, REQUEST)
    assert (plan.action, len(plan.superseded)) == (action, superseded)


def test_the_fingerprint_is_of_the_request_not_of_who_asked() -> None:
    assert (
        identity.fingerprint({**BODY, "description": "x", "custom_fields": {"a": "b"}, "project": None})
        == REQUEST
    )
    assert identity.fingerprint({**BODY, "dataset": "ns/e"}) != REQUEST


def test_a_job_is_recognised_by_its_fields() -> None:
    marked = identity.mark(BODY, "k", {"airflow_dag_id": "d"})
    assert identity.is_under(marked, "k")
    assert not identity.is_under(marked, "another")
    assert identity.request_of(marked) == REQUEST
    assert marked["custom_fields"]["airflow_dag_id"] == "d"


def test_a_release_without_custom_fields_keeps_the_mark_in_the_description() -> None:
    marked = {**identity.mark(BODY, "k", {}), "custom_fields": None}
    assert marked["description"].startswith("Nightly [job ")
    assert identity.is_under(marked, "k")
    assert not identity.is_under(marked, "another")
    assert identity.request_of(marked) == REQUEST


def test_what_the_platform_adds_is_no_difference() -> None:
    asked = {"target": "local/s@1.0", "training_options": [{"num_gpus": 1}], "prompt_template": None}
    found = {
        "target": {"namespace": "local", "name": "s@1.0", "status": "ready"},
        "training_options": [{"num_gpus": 1, "num_nodes": 1}],
        "prompt_template": "{prompt}",
    }
    assert identity.differences(asked, found) == []
    assert identity.differences({**asked, "training_options": [{"num_gpus": 2}]}, found) == [
        "training_options[0].num_gpus"
    ]
    assert identity.differences({"max_seq_length": 8}, found) == ["max_seq_length"]


def test_a_reference_without_namespace_is_one_in_default() -> None:
    assert identity.differences("student-cfg", {"namespace": "default", "name": "student-cfg"}) == []
    assert identity.differences("default/student-cfg", {"name": "student-cfg"}) == []
    assert identity.differences({"config": "cfg"}, {"config": {"namespace": "team", "name": "cfg"}}) == [
        "config"
    ]


def test_a_secret_reference_is_never_a_difference() -> None:
    assert identity.differences({"api_key": "secret://env/KEY"}, {"api_key": "***"}) == []


OWNER = {"airflow_dag_id": "d", "airflow_run_id": "r"}


@pytest.mark.parametrize("fields", [True, False])
def test_what_a_run_has_made_is_recognised_with_and_without_fields(fields: bool) -> None:
    marked = identity.mark(BODY, "k", OWNER)
    if not fields:
        marked["custom_fields"] = None
    assert identity.is_under(marked, "k")
    assert identity.request_of(marked) == REQUEST
    assert identity.is_of_run(marked, "d", "r")
    assert not identity.is_of_run(marked, "d", "another run")
    assert not identity.is_of_run(marked, "another dag", "r")


def test_a_mark_without_run_is_still_read() -> None:
    mark = f"Nightly [job {identity._digest('k')} request {REQUEST}]"
    assert identity.is_under({"description": mark}, "k")
    assert identity.request_of({"description": mark}) == REQUEST
    assert not identity.is_of_run({"description": mark}, "d", "r")


@pytest.mark.parametrize(
    "unmarked", [{}, {"custom_fields": "text", "description": 5}, {"custom_fields": None}]
)
def test_what_carries_no_mark_is_nobodys(unmarked: dict[str, Any]) -> None:
    assert not identity.is_under(unmarked, "k")
    assert not identity.is_of_run(unmarked, "d", "r")
    assert identity.request_of(unmarked) is None
