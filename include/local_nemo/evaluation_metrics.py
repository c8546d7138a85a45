"""The arithmetic of evaluation metrics: from one answer to scores, and from many scores to one.

NaN stands for "no score": the value exists in no mean and is counted. It never reaches the wire, JSON has no
NaN.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

NOT_A_SCORE = math.nan
TOOL_CALL_SCORES = ("function_name_accuracy", "function_name_and_args_accuracy")

Call = tuple[str, object]
"""A tool's name and its arguments."""

_STRING_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda left, right: left == right,
    "not equals": lambda left, right: left != right,
    "contains": lambda left, right: right in left,
    "not contains": lambda left, right: right not in left,
    "startswith": lambda left, right: left.startswith(right),
    "endswith": lambda left, right: left.endswith(right),
}
STRING_CHECKS = tuple(_STRING_CHECKS)
SCORE_TYPES = ("int", "number", "float")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def tool_call_scores(predicted: object, expected: object) -> dict[str, float]:
    """Compare predicted tool calls with the ground truth, whatever their order.

    Both are lists of `{"function": {"name", "arguments"}}` (or of the inner objects), or None for no calls.
    Names are compared as sets, case-sensitively. Arguments: a prediction's JSON string is parsed, the ground
    truth must be an object already (a JSON string never matches, as on the real service); missing ones are
    `{}`; a prediction whose arguments are no JSON has no arguments score. Different names: both scores 0. No
    calls on either side: both 1.
    """
    names, arguments = _call_accuracy(_calls(predicted), _calls(expected))
    return dict(zip(TOOL_CALL_SCORES, (names, arguments), strict=True))


def _call_accuracy(calls: list[Call], truths: list[Call]) -> tuple[float, float]:
    if {name for name, _ in calls} != {name for name, _ in truths}:
        return 0.0, 0.0
    try:
        parsed = [(name, _predicted_arguments(arguments)) for name, arguments in calls]
    except orjson.JSONDecodeError:
        return 1.0, NOT_A_SCORE
    left = [(name, {} if arguments is None else arguments) for name, arguments in truths]
    for name, arguments in parsed:
        for place, (expected_name, truth) in enumerate(left):
            if name == expected_name and _same_json(arguments, truth):
                del left[place]
                break
        else:
            return 1.0, 0.0
    return 1.0, 0.0 if left else 1.0


def _calls(value: object) -> list[Call]:
    pairs: list[Call] = []
    for call in value if isinstance(value, list) else []:
        function = call.get("function", call) if isinstance(call, dict) else {}
        function = function if isinstance(function, dict) else {}
        pairs.append((str(function.get("name")), function.get("arguments")))
    return pairs


def _predicted_arguments(arguments: object) -> object:
    if arguments is None or arguments == "":
        return {}
    return orjson.loads(arguments) if isinstance(arguments, str) else arguments


def _same_json(left: object, right: object) -> bool:
    """Compare as JSON does: true is not 1, although Python takes them for equal, but 1.0 is."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same_json, left, right))
    return left == right


def regex_score(text: str, pattern: re.Pattern[str], score_type: str) -> float:
    r"""Read a score from a judge's answer: the first group (or the whole match) of the first match.

    The configured pattern decides: `(\d)` reads "10" as 1, `(\d+)` as 10. Without a match, or when what
    matched is no number of the type, the answer has no score (NaN).
    """
    match = pattern.search(text)
    if match is None:
        return NOT_A_SCORE
    found = match[1] if pattern.groups else match[0]
    try:
        score = float(int(found)) if score_type == "int" else float(found)
    except (TypeError, ValueError, OverflowError):
        return NOT_A_SCORE
    return score if math.isfinite(score) else NOT_A_SCORE


def string_check(left: str, operation: str, right: str) -> float:
    """Return 1 if the operation (one of STRING_CHECKS) holds between the two texts, else 0."""
    return float(_STRING_CHECKS[operation](left, right))


def sentence_bleu(candidate: str, references: Sequence[str]) -> float:
    """Return the BLEU-4 of one text, from 0 to 100.

    The usual geometric mean of clipped n-gram precisions with the brevity penalty of the closest reference; words
    and punctuation marks are the tokens. For n above 1 one is added to both counts, so that a short text has a
    score at all.
    """
    words, wanted = _TOKEN.findall(candidate), [_TOKEN.findall(text) for text in references]
    if not words:
        return 100.0 if [] in wanted else 0.0
    logarithms = []
    for length in range(1, 5):
        made = _ngrams(words, length)
        allowed: Counter[tuple[str, ...]] = Counter()
        for reference in wanted:
            allowed |= _ngrams(reference, length)
        matched, total, added = (made & allowed).total(), made.total(), int(length > 1)
        if not matched + added:
            return 0.0
        logarithms.append(math.log((matched + added) / (total + added)))
    closest = min(map(len, wanted), key=lambda size: (abs(size - len(words)), size))
    brevity = min(0.0, 1 - closest / len(words))
    return 100 * math.exp(brevity + math.fsum(logarithms) / len(logarithms))


def _ngrams(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(length)), strict=False))


def score_summary(values: Iterable[float]) -> dict[str, Any] | None:
    """Sum scores up as `{"value": mean, "stats": {…}}` in the wire's words, or None when there is no score at all.

    Variance is that of the population. NaN are left out and counted in `nan_count`.
    """
    kept: list[float] = []
    not_scored = 0
    for value in values:
        if math.isnan(value):
            not_scored += 1
        else:
            kept.append(value)
    if not kept:
        return None
    count, total = len(kept), math.fsum(kept)
    mean = total / count
    variance = math.fsum((value - mean) ** 2 for value in kept) / count
    stats = {
        "count": count,
        "sum": total,
        "mean": mean,
        "min": min(kept),
        "max": max(kept),
        "stddev": math.sqrt(variance),
        "variance": variance,
        "stderr": math.sqrt(variance / count),
        "sum_squared": math.fsum(value * value for value in kept),
        "nan_count": not_scored,
    }
    return {"value": mean, "stats": stats}
