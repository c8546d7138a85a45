import math
from statistics import fmean, stdev
from typing import Any

from include.flywheel.config_sections import RecommendationConfig
from include.flywheel.recommend import bars_for, recommend
from include.flywheel.results import Candidate, Evaluation, Score
from include.flywheel.scores import interval, score_of

ARGS = "function_name_and_args_accuracy"
BARS = {ARGS: 0.8}
SIMILAR = {"similarity": 7.0}


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
    found = recommend([large, small, middle], BARS)
    assert (found.verdict, found.model, found.method) == ("switch", "s", "customized")
    assert "0.95 (0.89–0.98, 100 rows) against 0.8" in found.reasons[0]
    assert found.reasons[1].startswith("Cheaper: s (base) misses the bar")


def test_among_models_with_the_same_gpus_the_earlier_one_is_cheaper() -> None:
    models = [candidate("first", base=evaluation(95)), candidate("second", base=evaluation(99))]
    assert recommend(models, BARS).model == "first"


def test_a_mean_above_the_bar_is_not_enough() -> None:
    found = recommend([candidate("s", base=evaluation(85))], BARS)
    assert found.verdict == "cannot_tell"
    assert found.model is None


def test_the_rows_needed_would_have_decided() -> None:
    rows = recommend([candidate("s", base=evaluation(85))], BARS).rows_needed
    assert rows is not None
    assert 200 < rows < 300
    enough = evaluation(math.ceil(0.85 * rows), rows)
    assert recommend([candidate("s", base=enough)], BARS).verdict == "switch"
    too_few = evaluation(round(0.85 * rows * 0.9), round(rows * 0.9))
    assert recommend([candidate("s", base=too_few)], BARS).verdict == "cannot_tell"


def test_the_incumbent_is_kept_when_everything_surely_misses() -> None:
    found = recommend([candidate("s", base=evaluation(20), icl=evaluation(40))], BARS)
    assert (found.verdict, found.model, found.method) == ("keep_incumbent", None, None)
    assert len(found.reasons) == 3


def test_a_candidate_that_failed_is_named_and_prevents_keep() -> None:
    failed = candidate("l", base=FAILED)
    found = recommend([candidate("s", base=evaluation(20)), failed], BARS)
    assert found.verdict == "cannot_tell"
    assert "l (base) was not measured: deployment failed: no image." in found.reasons
    assert found.rows_needed is None


def test_a_candidate_that_failed_does_not_prevent_a_switch_and_is_named() -> None:
    found = recommend([candidate("s", base=FAILED), candidate("m", base=evaluation(99))], BARS)
    assert (found.verdict, found.model) == ("switch", "m")
    assert "s (base) was not measured: deployment failed: no image." in found.reasons


def test_nothing_measured_cannot_tell() -> None:
    assert recommend([candidate("s", base=FAILED)], BARS).verdict == "cannot_tell"
    assert recommend([], BARS).verdict == "cannot_tell"


def test_a_score_exactly_at_the_bar_says_that_rows_do_not_help() -> None:
    found = recommend([candidate("s", base=evaluation(80))], BARS)
    assert (found.verdict, found.rows_needed) == ("cannot_tell", None)
    assert "would not tell" in found.reasons[0]


def test_all_bars_must_be_cleared() -> None:
    both = evaluation(95)
    both.scores["function_name"] = score_of(
        [1.0] * 98 + [0.0] * 2, rows=100, name="function_name", confidence=0.95
    )
    assert recommend([candidate("s", base=both)], {"function_name": 0.99, ARGS: 0.5}).verdict == "cannot_tell"


def test_a_bar_without_its_score_is_not_cleared() -> None:
    found = recommend([candidate("s", base=judged(9, 9))], BARS)
    assert found.verdict == "cannot_tell"


def test_texts_are_recommended_by_similarity() -> None:
    good = judged(*[9, 10, 8] * 20)
    assert recommend([candidate("s", base=good)], SIMILAR).verdict == "switch"
    open_ = recommend([candidate("s", base=judged(*[4, 10, 8] * 5))], SIMILAR)
    assert open_.verdict == "cannot_tell"
    assert open_.rows_needed is not None
    assert open_.rows_needed > 15
    assert recommend([candidate("s", base=judged(*[2, 3] * 20))], SIMILAR).verdict == "keep_incumbent"


def test_without_any_bar_nothing_is_recommended() -> None:
    found = recommend([candidate("s", base=evaluation(99))], {})
    assert (found.verdict, "sets no bar" in found.reasons[0]) == ("cannot_tell", True)


def test_bars_are_those_of_the_scores_that_are_asked_for() -> None:
    settings = RecommendationConfig.model_validate({"tool_calling_correctness": 0.9})
    assert bars_for(settings, ["function_name", ARGS]) == {ARGS: 0.8}
    assert bars_for(settings, [ARGS, "tool_calling_correctness"]) == {
        ARGS: 0.8,
        "tool_calling_correctness": 0.9,
    }
    assert bars_for(settings, ["similarity"]) == {"similarity": 7.0}


def test_a_bar_whose_judge_failed_on_every_record_is_not_forgotten() -> None:
    half = evaluation(100)
    half.scores["tool_calling_correctness"] = Score(unscored=100)
    found = recommend([candidate("s", base=half)], {ARGS: 0.8, "tool_calling_correctness": 0.9})
    assert (found.verdict, found.rows_needed) == ("cannot_tell", None)
    assert "no score" in found.reasons[0]
    assert "none of 100 rows scored against 0.9" in found.reasons[1]


def few_scored(right: int, scored: int, rows: int) -> Evaluation:
    values = [1.0] * right + [0.0] * (scored - right)
    return Evaluation(
        status="complete", scores={ARGS: score_of(values, rows=rows, name=ARGS, confidence=0.95)}, rows=rows
    )


def test_records_without_a_score_may_all_have_been_wrong() -> None:
    found = recommend([candidate("s", base=few_scored(20, 20, 100))], BARS)
    assert (found.verdict, found.rows_needed) == ("cannot_tell", None)
    assert "1.00 (0.84–1.00, 20 rows, 80 unscored) against 0.8" in found.reasons[1]
    assert recommend([candidate("s", base=few_scored(98, 98, 100))], BARS).verdict == "switch"


def test_records_without_a_score_may_all_have_been_right() -> None:
    assert recommend([candidate("s", base=few_scored(30, 50, 100))], BARS).verdict == "cannot_tell"
    assert recommend([candidate("s", base=few_scored(20, 98, 100))], BARS).verdict == "keep_incumbent"


def test_the_judged_rows_needed_would_have_decided() -> None:
    for pattern, bar in (([10.0] * 9 + [1.0], 7.5), ([10.0] * 3, 7.0), ([6.0, 8.0, 9.0, 5.0], 6.5)):
        found = recommend([candidate("s", base=judged(*pattern))], {"similarity": bar})
        assert found.rows_needed is not None
        mean, spread = fmean(pattern), stdev(pattern)

        def low(rows: int, mean: float = mean, spread: float = spread) -> float:
            return interval(mean, spread, rows, scale=(1, 10), confidence=0.95)[0]

        assert low(found.rows_needed) >= bar > low(found.rows_needed - 1)
