"""Answers that are not as documented: a wrong type counts as absent, and the wait goes on."""

from typing import Any

import pytest

from nemo_provider.observations import (
    observe_customization,
    observe_deployment,
    observe_deployment_gone,
    observe_evaluation,
    observe_model,
)
from nemo_provider.states import Outcome


@pytest.mark.parametrize("details", ["text", 5, [], None])
def test_details_that_are_no_object_are_none(details: Any) -> None:
    job = {"status": "running", "status_details": details}
    assert observe_customization("c", job, None).details == {"job_id": "c", "status": "running"}
    assert observe_evaluation("e", job).details == {"job_id": "e", "status": "running"}
    assert observe_deployment("n/d", job).status == "unknown"
    assert observe_deployment_gone("n/d", job).outcome is Outcome.WAITING


@pytest.mark.parametrize("value", ["35", [1], {}, True, float("inf"), float("nan")])
def test_a_number_that_is_none_is_left_out(value: Any) -> None:
    seen = observe_evaluation("e", {"status": "running", "status_details": {"progress": value}})
    assert "progress" not in seen.details
    assert seen.progress == "evaluation e: running"
    trained = {"status": "running", "status_details": {"percentage_done": value, "train_loss": value}}
    assert observe_customization("c", trained, None).progress == "customization c: running"


@pytest.mark.parametrize("series", [[None], "text", [{"value": None}], [[1]], {}])
def test_a_series_of_losses_that_is_none_is_left_out(series: Any) -> None:
    details = {"metrics": {"metrics": {"train_loss": series}}, "status_logs": "text"}
    seen = observe_customization("c", {"status": "running", "status_details": details}, None)
    assert "train_loss" not in seen.details


@pytest.mark.parametrize("status", [None, 5, {}, [], ""])
def test_a_status_that_is_no_word_keeps_waiting(status: Any) -> None:
    assert observe_evaluation("e", {"status": status}).outcome is Outcome.WAITING


def test_a_list_of_models_may_hold_anything() -> None:
    assert observe_model("m", {"data": [None, "m", {"id": 5}]}).outcome is Outcome.WAITING
    assert observe_model("m", {"data": "text"}).outcome is Outcome.WAITING
    assert observe_model("m", {"data": [None, {"id": "m", "parent": 5}]}).details == {
        "model": "m",
        "status": "listed",
    }


def test_the_model_of_a_deployment_is_a_name_or_an_entity() -> None:
    entity = {"namespace": "meta", "name": "llama"}
    for model, name in ((entity, "meta/llama"), ("meta/llama", "meta/llama"), (5, None), ({}, None)):
        assert observe_deployment("n/d", {"config": {"model": model}}).details.get("model") == name
