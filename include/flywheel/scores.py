"""From the Evaluator's results of single records to scores with intervals."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.flywheel.errors import RecordError
from include.flywheel.evalset import sets_of
from include.flywheel.evaluation import GENERIC_METRIC, TOOL_JUDGE_METRIC, TOOL_METRIC
from include.flywheel.results import Score

#: The Evaluator's metric and score -> the name the score has for users.
NAMES = {
    (TOOL_METRIC, "function_name_accuracy"): "function_name",
    (TOOL_METRIC, "function_name_and_args_accuracy"): "function_name_and_args_accuracy",
    (TOOL_JUDGE_METRIC, "rating"): "tool_calling_correctness",
    (GENERIC_METRIC, "similarity"): "similarity",
}

_SCALES = {"similarity": (1.0, 10.0)}


def scale_of(name: str) -> tuple[float, float]:
    """Return the lowest and the highest value of a score."""
    return _SCALES.get(name, (0.0, 1.0))


def read_samples(path: Path) -> list[object]:
    """Read the samples in the Evaluator's `results.json`: `{"<task>": [{"item", "sample", "metrics"}]}`.

    Raises RecordError when the file is not there or has another shape.
    """
    try:
        with path.open("rb") as file:
            # The standard library reads the bare NaN that Python services write and JSON does not know.
            tasks = json.load(file)
    except FileNotFoundError as error:
        raise RecordError(f"{path} is not there. Download the results first") from error
    except ValueError as error:
        raise RecordError(f"{path} is not JSON: {error}. Download the results again") from error
    if not isinstance(tasks, dict) or not all(isinstance(samples, list) for samples in tasks.values()):
        raise RecordError(f"{path} does not hold lists of samples by task. Download the results again")
    return [sample for samples in tasks.values() for sample in samples]


def of_set(samples: Iterable[object], name: str) -> list[object]:
    """Return the samples of the records of one eval set, told by the record's `sets`; one without them is `rolling`."""
    return [sample for sample in samples if name in sets_of(_mapping(sample).get("item"))]


def scores_of(samples: Iterable[object], *, rows: int, confidence: float = 0.95) -> dict[str, Score]:
    """Return the scores over an evaluation of `rows` records, by the names users know.

    A record that has no score, NaN, or one that is not on its scale, is unscored, as is one that is missing
    altogether. One exception: where the programmatic tool metric graded the function name but not the arguments, the
    candidate's arguments were no JSON, and that is a wrong answer: 0.
    """
    values: dict[str, list[float]] = {}
    for sample in samples:
        for name, value in _values(sample).items():
            values.setdefault(name, []).append(value)
    return {
        name: score_of([v for v in found if not math.isnan(v)], rows=rows, name=name, confidence=confidence)
        for name, found in values.items()
    }


def _values(sample: object) -> dict[str, float]:
    """Return what is found under the names that are looked for; results come from outside and may have any shape."""
    metrics = _mapping(_mapping(sample).get("metrics"))
    values: dict[str, float] = {}
    for (metric, key), name in NAMES.items():
        scores = _mapping(_mapping(metrics.get(metric)).get("scores"))
        if key in scores:
            score = scores[key]
            values[name] = _on_scale(score["value"] if "value" in _mapping(score) else score, scale_of(name))
    both = "function_name_and_args_accuracy"
    # Left out or null: services differ in how they write that there is none.
    if math.isnan(values.get(both, math.nan)) and not math.isnan(values.get("function_name", math.nan)):
        values[both] = 0.0
    return values


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _on_scale(value: object, scale: tuple[float, float]) -> float:
    floor, ceiling = scale
    return float(value) if isinstance(value, int | float) and floor <= value <= ceiling else math.nan


def score_of(values: list[float], *, rows: int, name: str, confidence: float) -> Score:
    """Return the mean of the scored values with its interval; the rest of the `rows` is unscored."""
    if not values:
        return Score(unscored=rows)
    n, mean = len(values), sum(values) / len(values)
    spread = None
    if scale_of(name) != (0.0, 1.0) or not set(values) <= {0.0, 1.0}:
        spread = statistics.stdev(values) if n > 1 else 0.0
    low, high = interval(mean, spread, n, scale=scale_of(name), confidence=confidence)
    return Score(value=mean, n=n, unscored=max(rows - n, 0), low=low, high=high, spread=spread)


def interval(
    mean: float, spread: float | None, n: int, *, scale: tuple[float, float], confidence: float
) -> tuple[float, float]:
    """Return the interval of the true mean of n values: Wilson's for 0/1 values, which have no `spread`, else Student's t.

    Equal values (one alone, too) have a spread of 0, which says nothing of the next ones: then Wilson's on the scale,
    the widest that any spread could give.
    """
    floor, ceiling = scale
    if spread is None:
        return wilson(mean * n, n, confidence)
    if not spread:
        low, high = wilson((mean - floor) / (ceiling - floor) * n, n, confidence)
        return floor + low * (ceiling - floor), floor + high * (ceiling - floor)
    # Here because it takes half a second to import, and most workloads are graded by 0 and 1.
    from scipy import stats

    low, high = stats.t.interval(confidence, n - 1, loc=mean, scale=spread / math.sqrt(n))
    return max(float(low), floor), min(float(high), ceiling)


def wilson(successes: float, n: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion; successes may be a fraction, as of scaled scores."""
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)
