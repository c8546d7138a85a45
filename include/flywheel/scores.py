"""From the Evaluator's results of single records to scores with intervals."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.flywheel.errors import RecordError
from include.flywheel.evaluation import GENERIC_METRIC, TOOL_JUDGE_METRIC, TOOL_METRIC
from include.flywheel.results import Score

#: The Evaluator's metric and score -> the name the score has for users.
NAMES = {
    (TOOL_METRIC, "function_name_accuracy"): "function_name",
    (TOOL_METRIC, "function_name_and_args_accuracy"): "function_name_and_args_accuracy",
    (TOOL_JUDGE_METRIC, "rating"): "tool_calling_correctness",
    (GENERIC_METRIC, "similarity"): "similarity",
}

#: The scale of a score; 0 to 1 for all others.
SCALES = {"similarity": (1.0, 10.0)}


def read_samples(path: Path) -> list[dict[str, Any]]:
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


def scores_of(
    samples: Iterable[Mapping[str, Any]], *, rows: int, confidence: float = 0.95
) -> dict[str, Score]:
    """Return the scores over an evaluation of `rows` records, by the names users know.

    A record that has no score, or NaN, is unscored, as is one that is missing altogether. One exception:
    where the programmatic tool metric graded the function name but not the arguments, the candidate's
    arguments were no JSON, and that is a wrong answer: 0.
    """
    values: dict[str, list[float]] = {}
    for sample in samples:
        for name, value in _values(sample).items():
            values.setdefault(name, []).append(value)
    return {
        name: score_of([v for v in found if not math.isnan(v)], rows=rows, name=name, confidence=confidence)
        for name, found in values.items()
    }


def _values(sample: Mapping[str, Any]) -> dict[str, float]:
    values: dict[str, float] = {}
    for metric, result in (sample.get("metrics") or {}).items():
        for key, score in (result.get("scores") or {}).items():
            name = NAMES.get((metric, key))
            if name:
                value = score.get("value") if isinstance(score, dict) else score
                values[name] = float(value) if isinstance(value, int | float) else math.nan
    both = "function_name_and_args_accuracy"
    if math.isnan(values.get(both, 0.0)) and not math.isnan(values.get("function_name", math.nan)):
        values[both] = 0.0
    return values


def score_of(values: list[float], *, rows: int, name: str, confidence: float) -> Score:
    """Return the mean of the scored values with its interval; the rest of the `rows` is unscored."""
    if not values:
        return Score(unscored=rows)
    low, high = interval(values, scale=SCALES.get(name, (0.0, 1.0)), confidence=confidence)
    mean = sum(values) / len(values)
    return Score(value=mean, n=len(values), unscored=max(rows - len(values), 0), low=low, high=high)


def interval(values: list[float], *, scale: tuple[float, float], confidence: float) -> tuple[float, float]:
    """Return the interval of the true mean: Wilson's for 0/1 values, else Student's t, within the scale.

    Equal values (one alone, too) have no spread to measure: then Wilson's on the scale, the widest that
    any spread could give.
    """
    floor, ceiling = scale
    n, mean = len(values), sum(values) / len(values)
    if scale == (0.0, 1.0) and set(values) <= {0.0, 1.0}:
        return wilson(round(sum(values)), n, confidence)
    spread = statistics.stdev(values) if n > 1 else 0.0
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
