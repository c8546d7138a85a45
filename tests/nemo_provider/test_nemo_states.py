"""What a status means and when waiting ends: pure functions, the clock is an argument."""

import pytest

from nemo_provider.errors import (
    NemoAuthError,
    NemoConfigurationError,
    NemoJobFailedError,
    NemoJobTimeoutError,
    NemoNotFoundError,
    NemoOutOfGpusError,
    NemoUnavailableError,
)
from nemo_provider.observations import (
    observe_customization,
    observe_deployment,
    observe_deployment_gone,
    observe_evaluation,
    observe_model,
)
from nemo_provider.states import LostPoll, Observation, Outcome, decide, lost_poll, result_of

LOST = LostPoll("evaluation", "eval-1", "no answer")
UPLOADED = {"artifact": {"status": "upload_completed"}}


def running(status: str = "running", **details: object) -> dict:
    return {"status": status, "output_model": "ns/m@cust-1", "status_details": details}


@pytest.mark.parametrize(
    "word", ["created", "pending", "running", "cancelling", "ready", "unknown", "paused", None]
)
def test_unknown_status_keeps_waiting_until_end_time(word: str | None) -> None:
    seen = observe_evaluation("eval-1", {"status": word})
    assert decide(seen, now=99.0, end_time=100.0, lost_polls=0) is None
    event = decide(seen, now=100.0, end_time=100.0, lost_polls=0)
    assert event is not None
    assert event["outcome"] == "timed_out"
    with pytest.raises(NemoJobTimeoutError, match="eval-1"):
        result_of(event)


def test_three_lost_polls_are_forgiven_the_fourth_is_not() -> None:
    assert [decide(LOST, now=0.0, end_time=9.0, lost_polls=n) for n in (1, 2, 3)] == [None] * 3
    event = decide(LOST, now=0.0, end_time=9.0, lost_polls=4)
    assert event is not None
    with pytest.raises(NemoUnavailableError, match="no answer"):
        result_of(event)


def test_a_lost_poll_does_not_outlive_the_deadline() -> None:
    event = decide(LOST, now=9.0, end_time=9.0, lost_polls=1)
    assert event is not None
    assert event["outcome"] == "timed_out"


def test_a_job_the_platform_does_not_know_is_a_lost_poll_first() -> None:
    lost = lost_poll("evaluation", "eval-1", NemoNotFoundError(404, "not found", "GET /x"))
    assert "does not know it" in lost.problem


def test_a_refused_credential_is_forgiven_a_mistake_in_the_configuration_is_not() -> None:
    refused = lost_poll("evaluation", "eval-1", NemoAuthError(401, "no", "GET /x", "The token was refused"))
    assert decide(refused, now=0.0, end_time=9.0, lost_polls=1) is None
    mistake = lost_poll("evaluation", "eval-1", NemoConfigurationError("nemo_default has no host"))
    event = decide(mistake, now=0.0, end_time=9.0, lost_polls=1)
    assert event is not None
    with pytest.raises(NemoConfigurationError, match="evaluation eval-1: nemo_default has no host"):
        result_of(event)


def test_a_finished_job_is_finished_even_after_the_deadline() -> None:
    event = decide(
        observe_evaluation("eval-1", {"status": "completed"}), now=99.0, end_time=9.0, lost_polls=0
    )
    assert event is not None
    assert result_of(event)["status"] == "completed"


def test_a_hundred_percent_is_not_completed() -> None:
    assert observe_customization("cust-1", running(percentage_done=100.0), None).outcome is Outcome.WAITING
    failed = observe_customization("cust-1", running("failed", percentage_done=100.0), None)
    assert failed.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("model", "outcome"),
    [
        (None, Outcome.WAITING),
        ({"artifact": {"status": "created"}}, Outcome.WAITING),
        (UPLOADED, Outcome.SUCCEEDED),
        ({"artifact": {"status": "upload_failed"}}, Outcome.FAILED),
    ],
)
def test_a_completed_customization_waits_for_its_adapter(model: dict | None, outcome: Outcome) -> None:
    assert observe_customization("cust-1", running("completed"), model).outcome is outcome


def test_a_customization_without_output_model_has_no_adapter_to_wait_for() -> None:
    assert observe_customization("cust-1", {"status": "completed"}, None).outcome is Outcome.SUCCEEDED


def test_nulls_and_missing_details_are_read_alike() -> None:
    nulls = observe_customization("c", running(percentage_done=None, status_logs=None, metrics=None), None)
    assert nulls == observe_customization("c", {**running(), "status_details": None}, None)


def test_losses_of_a_running_job_come_from_its_series() -> None:
    metrics = {
        "metrics": {"train_loss": [{"step": 9, "value": 1.9}, {"step": 19, "value": 1.5}], "val_loss": []}
    }
    seen = observe_customization(
        "cust-1", running(train_loss=None, metrics=metrics, epochs_completed=1), None
    )
    assert seen.details["train_loss"] == 1.5
    assert "val_loss" not in seen.details
    assert seen.progress == "customization cust-1: running, 1 epochs, train_loss 1.5"


def test_a_failed_job_gives_the_platforms_reason() -> None:
    logs = [
        {"message": "created"},
        {"message": "TrainingJobFailed", "detail": "CUDA error"},
        {"message": "failed"},
    ]
    event = decide(
        observe_customization("cust-1", running("failed", status_logs=logs), None),
        now=0,
        end_time=9,
        lost_polls=0,
    )
    assert event is not None
    with pytest.raises(NemoJobFailedError, match="CUDA error"):
        result_of(event)


@pytest.mark.parametrize(
    "seen",
    [
        observe_customization("c", running("failed", status_logs=[{"message": "NotEnoughResources"}]), None),
        observe_deployment(
            "n/d", {"status_details": {"status": "failed", "description": "Insufficient nvidia.com/gpu"}}
        ),
    ],
)
def test_a_cluster_that_is_too_small_is_an_error_of_its_own(seen: Observation) -> None:
    event = decide(seen, now=0.0, end_time=9.0, lost_polls=0)
    assert event is not None
    with pytest.raises(NemoOutOfGpusError):
        result_of(event)


def test_a_deployment_is_ready_not_deployed() -> None:
    def seen(word: str) -> Outcome:
        return observe_deployment("n/d", {"status_details": {"status": word, "description": "x"}}).outcome

    assert [seen(w) for w in ("pending", "deployed", "ready", "failed")] == [
        "waiting",
        "waiting",
        "succeeded",
        "failed",
    ]


def test_a_deployment_is_gone_when_the_platform_does_not_know_it() -> None:
    assert observe_deployment_gone("n/d", None).outcome is Outcome.SUCCEEDED
    leaving = {"status_details": {"status": "cancelling"}}
    assert observe_deployment_gone("n/d", leaving).outcome is Outcome.WAITING


def test_a_model_is_there_when_the_nim_lists_it() -> None:
    listing = {"data": [{"id": "ns/m@cust-1", "parent": "local/student-s"}]}
    assert observe_model("ns/m@cust-1", listing).details["base_model"] == "local/student-s"
    assert observe_model("ns/m", listing).outcome is Outcome.WAITING
