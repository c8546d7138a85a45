import math
from typing import Any

from include.flywheel.config_sections import RecommendationConfig
from include.flywheel.recommend import recommend
from include.flywheel.results import Candidate, Evaluation
from include.flywheel.scores import score_of

BARS = RecommendationConfig()
ARGS = "function_name_and_args_accuracy"


def evaluation(right: int, rows: int = 100) -> Evaluation:
    values = [1.0] * right + [0.0] * (rows - right)
    score = score_of(values, rows=rows, name=ARGS, confidence=0.95)
    return Evaluation(status="complete", rows=rows, scores={ARGS: score})


def judged(*values: float) -> Evaluation:
    score = score_of(list(values), rows=len(values), name="similarity", confidence=0.95)
    return Evaluation(status="complete", rows=len(values), scores={"similarity": score})


FAILED = Evaluation(status="failed", error="deployment failed: no image")


def candidate(model: str, gpus: int = 1, **evaluations: Any) -> Candidate:
    names = {"base": "base-eval", "icl": "icl-eval", "customized": "customized-eval"}
    return Candidate(
        model=model,
        status="complete",
        gpus=gpus,
        evaluations={names[method]: found for method, found in evaluations.items()},
    )


def test_the_cheapest_that_clears_the_bar_is_recommended() -> None:
    large = candidate("l", 4, base=evaluation(99))
    small = candidate("s", 1, base=evaluation(20), customized=evaluation(95), icl=evaluation(96))
    middle = candidate("m", 2, base=evaluation(97))
    found = recommend([large, small, middle], BARS, "tool_calling")
    assert (found.verdict, found.model, found.method) == ("switch", "s", "customized")
    assert "0.95 (0.89–0.98, 100 rows) against 0.8" in found.reasons[0]
    assert found.reasons[1].startswith("Cheaper: s (base) misses the bar")


def test_among_models_with_the_same_gpus_the_earlier_one_is_cheaper() -> None:
    models = [candidate("first", base=evaluation(95)), candidate("second", base=evaluation(99))]
    assert recommend(models, BARS, "tool_calling").model == "first"


def test_a_mean_above_the_bar_is_not_enough() -> None:
    found = recommend([candidate("s", base=evaluation(85))], BARS, "tool_calling")
    assert found.verdict == "cannot_tell"
    assert found.model is None


def test_the_rows_needed_would_have_decided() -> None:
    rows = recommend([candidate("s", base=evaluation(85))], BARS, "tool_calling").rows_needed
    assert rows is not None
    assert 200 < rows < 300
    enough = evaluation(math.ceil(0.85 * rows), rows)
    assert recommend([candidate("s", base=enough)], BARS, "tool_calling").verdict == "switch"
    too_few = evaluation(round(0.85 * rows * 0.9), round(rows * 0.9))
    assert recommend([candidate("s", base=too_few)], BARS, "tool_calling").verdict == "cannot_tell"


def test_the_incumbent_is_kept_when_everything_surely_misses() -> None:
    found = recommend([candidate("s", base=evaluation(20), icl=evaluation(40))], BARS, "tool_calling")
    assert (found.verdict, found.model, found.method) == ("keep_incumbent", None, None)
    assert len(found.reasons) == 3


def test_a_candidate_that_failed_is_named_and_prevents_keep() -> None:
    failed = candidate("l", base=FAILED)
    found = recommend([candidate("s", base=evaluation(20)), failed], BARS, "tool_calling")
    assert found.verdict == "cannot_tell"
    assert "l (base) was not measured: deployment failed: no image." in found.reasons
    assert found.rows_needed is None


def test_a_candidate_that_failed_does_not_prevent_a_switch_and_is_named() -> None:
    found = recommend(
        [candidate("s", base=FAILED), candidate("m", base=evaluation(99))], BARS, "tool_calling"
    )
    assert (found.verdict, found.model) == ("switch", "m")
    assert "s (base) was not measured: deployment failed: no image." in found.reasons


def test_nothing_measured_cannot_tell() -> None:
    assert recommend([candidate("s", base=FAILED)], BARS, "tool_calling").verdict == "cannot_tell"
    assert recommend([], BARS, "tool_calling").verdict == "cannot_tell"


def test_a_score_exactly_at_the_bar_says_that_rows_do_not_help() -> None:
    found = recommend([candidate("s", base=evaluation(80))], BARS, "tool_calling")
    assert (found.verdict, found.rows_needed) == ("cannot_tell", None)
    assert "would not tell" in found.reasons[0]


def test_all_bars_must_be_cleared() -> None:
    names = {"function_name": 0.99, ARGS: 0.5}
    settings = RecommendationConfig.model_validate(names)
    both = evaluation(95)
    both.scores["function_name"] = score_of(
        [1.0] * 98 + [0.0] * 2, rows=100, name="function_name", confidence=0.95
    )
    assert recommend([candidate("s", base=both)], settings, "tool_calling").verdict == "cannot_tell"


def test_a_bar_without_its_score_is_not_cleared() -> None:
    found = recommend([candidate("s", base=judged(9, 9))], BARS, "tool_calling")
    assert found.verdict == "cannot_tell"


def test_texts_are_recommended_by_similarity() -> None:
    good = judged(*[9, 10, 8] * 20)
    assert recommend([candidate("s", base=good)], BARS, "generic").verdict == "switch"
    open_ = recommend([candidate("s", base=judged(*[4, 10, 8] * 5))], BARS, "generic")
    assert open_.verdict == "cannot_tell"
    assert open_.rows_needed is not None
    assert open_.rows_needed > 15
    assert recommend([candidate("s", base=judged(*[2, 3] * 20))], BARS, "generic").verdict == "keep_incumbent"


def test_without_any_bar_nothing_is_recommended() -> None:
    settings = RecommendationConfig.model_validate({ARGS: None})
    found = recommend([candidate("s", base=evaluation(99))], settings, "tool_calling")
    assert (found.verdict, "No bar is set" in found.reasons[0]) == ("cannot_tell", True)
