import json
import math
from pathlib import Path
from typing import Any

import pytest

from include.flywheel.compare import candidate_result, score_evaluation
from include.flywheel.errors import RecordError
from include.flywheel.results import Customization, Evaluation
from include.flywheel.scores import interval, read_samples, score_of, scores_of, wilson
from tests.flywheel.samples import config


def sample(**scores: Any) -> dict[str, Any]:
    """One sample of results.json; keys are `metric__score`."""
    metrics: dict[str, Any] = {}
    for key, value in scores.items():
        metric, score = key.split("__")
        metrics.setdefault(metric.replace("_", "-"), {"scores": {}})["scores"][score] = {
            "value": value,
            "stats": None,
        }
    return {"item": {}, "sample": {}, "metrics": metrics}


def tool_sample(name: float, both: float | None, rating: float | None = 1.0) -> dict[str, Any]:
    return sample(
        tool_calling_accuracy__function_name_accuracy=name,
        tool_calling_accuracy__function_name_and_args_accuracy=both,
        correctness__rating=rating,
    )


def similarity(value: float | None) -> dict[str, Any]:
    return sample(llm_judge__similarity=value)


def test_scores_have_the_names_that_users_know() -> None:
    scores = scores_of([tool_sample(1, 1), tool_sample(1, 0), tool_sample(0, 0, 0)], rows=3)
    assert {name: round(score.value or 0, 2) for name, score in scores.items()} == {
        "function_name": 0.67,
        "function_name_and_args_accuracy": 0.33,
        "tool_calling_correctness": 0.67,
    }


@pytest.mark.parametrize("unread", [None, math.nan, "eight", 0, 11, -3, math.inf, 10**400, [8], {"x": 1}])
def test_unparsed_verdict_is_unscored_not_zero(unread: Any) -> None:
    score = scores_of([similarity(8), similarity(unread), similarity(10)], rows=3)["similarity"]
    assert (score.value, score.n, score.unscored) == (9, 2, 1)


def test_a_record_that_is_missing_from_the_results_is_unscored() -> None:
    score = scores_of([similarity(8)], rows=5)["similarity"]
    assert (score.n, score.unscored) == (1, 4)


def test_arguments_that_are_no_json_are_a_wrong_answer_not_a_missing_one() -> None:
    score = scores_of([tool_sample(1, None), tool_sample(1, 1)], rows=2)["function_name_and_args_accuracy"]
    assert (score.value, score.n, score.unscored) == (0.5, 2, 0)


def test_arguments_whose_score_is_left_out_are_a_wrong_answer_too() -> None:
    name_alone = sample(tool_calling_accuracy__function_name_accuracy=1)
    score = scores_of([name_alone, tool_sample(1, 1)], rows=2)["function_name_and_args_accuracy"]
    assert (score.value, score.n, score.unscored) == (0.5, 2, 0)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "text",
        [],
        {},
        {"metrics": None},
        {"metrics": {"llm-judge": None}},
        {"metrics": {"llm-judge": {"scores": [1]}}},
    ],
)
def test_a_sample_of_another_shape_is_unscored(odd: Any) -> None:
    score = scores_of([odd, similarity(8)], rows=2)["similarity"]
    assert (score.n, score.unscored) == (1, 1)


def test_nothing_scored_has_no_value() -> None:
    score = scores_of([similarity(None)], rows=1)["similarity"]
    assert (score.value, score.low, score.high, score.n, score.unscored) == (None, None, None, 0, 1)


def test_an_accuracy_of_95_in_40_rows_is_84_to_99() -> None:
    low, high = wilson(38, 40, 0.95)
    assert (round(low, 3), round(high, 3)) == (0.835, 0.986)


def test_wilson_agrees_with_the_statistics_library() -> None:
    from scipy.stats import binomtest

    for successes, n in ((0, 10), (3, 7), (50, 50), (180, 1000)):
        expected = binomtest(successes, n).proportion_ci(0.9, method="wilson")
        assert wilson(successes, n, 0.9) == pytest.approx((expected.low, expected.high))


def test_an_interval_of_judged_scores_stays_on_their_scale() -> None:
    score = score_of([10, 10, 10, 9], rows=4, name="similarity", confidence=0.95)
    assert 8 < (score.low or 0) < 9.75 <= (score.high or 0) <= 10
    assert score.spread == 0.5


def test_equal_scores_do_not_pretend_to_be_certain() -> None:
    low, high = interval(10, 0.0, 5, scale=(1, 10), confidence=0.95)
    assert low < 7
    assert high == 10
    assert interval(8, 0.0, 1, scale=(1, 10), confidence=0.95)[0] < 4


def test_an_interval_of_spread_scores_is_students() -> None:
    from scipy import stats

    values = [3.0, 5.0, 4.0, 8.0, 6.0, 7.0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    score = score_of(values, rows=6, name="similarity", confidence=0.95)
    assert (score.low, score.high) == pytest.approx((expected.low, expected.high))


def write_results(path: Path, samples: list[Any]) -> Path:
    path.write_text(json.dumps({"llm-as-judge": samples}))
    return path


def test_an_evaluation_without_a_single_score_failed(tmp_path: Path) -> None:
    path = write_results(tmp_path / "results.json", [similarity(None)])
    found = score_evaluation(path, rows={"rolling": 1}, model="m", job_id="eval-1", confidence=0.95)
    assert (found.status, found.error) == ("failed", "none of 1 records could be scored")


def test_an_evaluation_is_read_from_its_results(tmp_path: Path) -> None:
    path = write_results(tmp_path / "results.json", [similarity(7), similarity(9)])
    found = score_evaluation(path, rows={"rolling": 2}, model="m", job_id="eval-1", confidence=0.95)
    assert (found.status, found.scores["similarity"].value, found.job_id) == ("complete", 8, "eval-1")


def test_a_record_of_both_eval_sets_counts_in_both(tmp_path: Path) -> None:
    samples = [similarity(4), similarity(6), similarity(10)]
    for sample, sets in zip(samples, (["rolling"], ["rolling", "golden"], ["golden"]), strict=True):
        sample["item"] = {"sets": sets}
    path = write_results(tmp_path / "results.json", samples)
    found = score_evaluation(path, rows={"rolling": 2, "golden": 3}, model="m", job_id="e", confidence=0.95)
    assert (found.rows, found.scores["similarity"].value, found.scores["similarity"].unscored) == (2, 5, 0)
    golden = found.golden_scores["similarity"]
    assert (found.golden_rows, golden.value, golden.n, golden.unscored) == (3, 8, 2, 1)


def test_results_that_cannot_be_read_fail_their_evaluation_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"id": "x", "tasks": {}}')
    found = score_evaluation(path, rows={"rolling": 2}, model="m", job_id="eval-1", confidence=0.95)
    assert (found.status, found.job_id) == ("failed", "eval-1")
    assert "Download the results again" in (found.error or "")


def test_a_bare_nan_in_the_results_is_read_as_unscored(tmp_path: Path) -> None:
    path = write_results(tmp_path / "results.json", [similarity(math.nan), similarity(9)])
    assert "NaN" in path.read_text()
    found = score_evaluation(path, rows={"rolling": 2}, model="m", job_id="eval-1", confidence=0.95)
    assert (found.scores["similarity"].n, found.scores["similarity"].unscored) == (1, 1)


def test_results_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"tasks": {"t": {}}, "groups": {}}')
    with pytest.raises(RecordError, match="Download the results again"):
        read_samples(tmp_path / "results.json")
    with pytest.raises(RecordError, match="is not there"):
        read_samples(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"t": [')
    with pytest.raises(RecordError, match="is not JSON"):
        read_samples(tmp_path / "half.json")


def done() -> Evaluation:
    return Evaluation(status="complete")


PLANNED = ["base-eval", "icl-eval", "customized-eval"]


def test_a_candidate_is_complete_partial_or_failed_by_its_planned_evaluations() -> None:
    nim = config().candidates[0]
    everything = {name: done() for name in PLANNED}
    failed = Evaluation(status="failed", error="unreachable")
    assert candidate_result(nim, planned=PLANNED, evaluations=everything).status == "complete"
    partial = candidate_result(nim, planned=PLANNED, evaluations={**everything, "icl-eval": failed})
    assert (partial.status, partial.errors) == ("partial", ["icl-eval: unreachable"])
    none = candidate_result(nim, planned=PLANNED, evaluations={})
    assert none.status == "failed"
    assert none.errors[0] == "base-eval: gave no result"
    fewer = candidate_result(nim, planned=["base-eval"], evaluations={"base-eval": done()})
    assert (fewer.status, fewer.evaluations["icl-eval"].status) == ("complete", "not_run")


def test_a_failed_training_is_named() -> None:
    nim = config().candidates[0]
    training = Customization(status="failed", job_id="cust-1", error="out of memory")
    found = candidate_result(nim, planned=PLANNED, evaluations={"base-eval": done()}, customization=training)
    assert found.status == "partial"
    assert "customization: out of memory" in found.errors


def test_a_stopped_candidate_is_not_called_failed() -> None:
    nim = config().candidates[0]
    found = candidate_result(nim, planned=PLANNED, evaluations={"base-eval": done()}, stopped=True)
    assert (found.status, found.errors) == ("stopped", [])
    assert found.evaluations["icl-eval"].status == "stopped"


def test_gpu_seconds_are_training_and_serving_times_their_gpus() -> None:
    nim = config().candidates[0].model_copy(update={"gpus": 2})
    found = candidate_result(
        nim,
        planned=["base-eval"],
        evaluations={"base-eval": done()},
        customization=Customization(elapsed_seconds=30),
        deployment_seconds=10.5,
    )
    assert found.gpu_seconds == 30 * 2 + 10.5 * 2
