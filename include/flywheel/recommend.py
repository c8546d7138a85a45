"""Which model to ship: the cheapest that surely clears the bar, or an honest "keep" or "cannot tell"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from include.flywheel.config_sections import RecommendationConfig
from include.flywheel.config_types import WorkloadType
from include.flywheel.results import METHOD_OF, Candidate, Method, Recommendation, Score
from include.flywheel.scores import SCALES, wilson

#: The scores that grade each kind of workload.
_SCORES: dict[WorkloadType, tuple[str, ...]] = {
    "tool_calling": ("function_name", "function_name_and_args_accuracy", "tool_calling_correctness"),
    "generic": ("similarity",),
}

#: Customized before ICL: examples are paid for in every call, a training once.
_METHODS: tuple[Method, ...] = ("base", "customized", "icl")
_EVALUATION_OF = {method: name for name, method in METHOD_OF.items()}

#: More rows than anybody collects: the score is at the bar, and no number of rows would tell.
_TOO_MANY_ROWS = 1_000_000

Standing = Literal["clears", "misses", "open"]


@dataclass(frozen=True)
class _Option:
    """One candidate with one method, and how it stands against the bars."""

    model: str
    method: Method
    scores: dict[str, Score]
    standing: Standing

    @property
    def name(self) -> str:
        return f"{self.model} ({self.method})"


def bars_for(
    settings: RecommendationConfig, workload_type: WorkloadType, measured: set[str]
) -> dict[str, float]:
    """Return the bar of each score that this workload is graded by.

    For tool calls a bar of a score that no candidate was measured by is left out, unless none would
    remain: a judge and the programmatic metric are rarely both asked.
    """
    all_bars = settings.model_dump()
    bars = {name: float(all_bars[name]) for name in _SCORES[workload_type] if all_bars[name] is not None}
    return {name: bar for name, bar in bars.items() if name in measured} or bars


def recommend(
    candidates: Sequence[Candidate], settings: RecommendationConfig, workload_type: WorkloadType
) -> Recommendation:
    """Return the verdict over candidates; fewer GPUs are cheaper, and where those are equal the earlier one.

    `switch` to the cheapest candidate × method whose interval lies above every bar; `keep_incumbent`
    when every planned one was measured and lies below a bar; otherwise `cannot_tell`, with the eval rows
    that would decide.
    """
    measured = {
        name
        for candidate in candidates
        for evaluation in candidate.evaluations.values()
        for name, score in evaluation.scores.items()
        if score.n
    }
    bars = bars_for(settings, workload_type, measured)
    options = _options(candidates, bars)
    missing = _missing(candidates)
    if not bars:
        return Recommendation(
            verdict="cannot_tell",
            reasons=[f"No bar is set for a {workload_type} workload in `recommendation`.", *missing],
        )
    winner = next((option for option in options if option.standing == "clears"), None)
    if winner:
        passed_over = options[: options.index(winner)]
        return Recommendation(
            verdict="switch",
            model=winner.model,
            method=winner.method,
            reasons=[
                f"{winner.name} is the cheapest that clears the bar: {_against(winner.scores, bars)}.",
                *(f"Cheaper: {_standing(option, bars)}" for option in passed_over),
                *missing,
            ],
        )
    standings = [_standing(option, bars) for option in options]
    undecided = [option for option in options if option.standing == "open"]
    if options and not undecided and not missing:
        return Recommendation(
            verdict="keep_incumbent", reasons=["Every candidate misses the bar.", *standings]
        )
    return _cannot_tell(undecided, bars, settings.confidence, [*standings, *missing])


def _cannot_tell(
    undecided: Sequence[_Option], bars: dict[str, float], confidence: float, reasons: list[str]
) -> Recommendation:
    needed = {option.name: _rows_needed(option, bars, confidence) for option in undecided}
    hopeful = [o for o in undecided if all((o.scores[name].value or 0.0) > bar for name, bar in bars.items())]
    wanted = [rows for option in hopeful or undecided if (rows := needed[option.name]) is not None]
    # One hopeful option decided is a switch; without one, all must be decided against.
    rows_needed = (min(wanted) if hopeful else max(wanted)) if wanted else None
    if rows_needed:
        said = f"Too few eval records to tell: about {rows_needed} are needed."
    elif undecided:
        said = "The scores lie at the bar: more eval records would not tell. Look at the answers, or move the bar."
    else:
        said = "Not everything that was planned was measured."
    return Recommendation(verdict="cannot_tell", reasons=[said, *reasons], rows_needed=rows_needed)


def _options(candidates: Sequence[Candidate], bars: dict[str, float]) -> list[_Option]:
    """Return every measured candidate × method, cheapest first."""
    by_price = sorted(candidates, key=lambda candidate: candidate.gpus)
    options = []
    for candidate in by_price:
        for method in _METHODS:
            evaluation = candidate.evaluations.get(_EVALUATION_OF[method])
            if evaluation and evaluation.status == "complete" and bars:
                scores = {name: evaluation.scores.get(name, Score()) for name in bars}
                options.append(_Option(candidate.model, method, scores, _stands(scores, bars)))
    return options


def _stands(scores: dict[str, Score], bars: dict[str, float]) -> Standing:
    lows = {name: score.low for name, score in scores.items()}
    highs = {name: score.high for name, score in scores.items()}
    if any(high is not None and high < bars[name] for name, high in highs.items()):
        return "misses"
    if all(low is not None and low >= bars[name] for name, low in lows.items()):
        return "clears"
    return "open"


def _missing(candidates: Sequence[Candidate]) -> list[str]:
    """Return a sentence for each planned evaluation that has no scores."""
    sentences = []
    for candidate in candidates:
        for name, evaluation in candidate.evaluations.items():
            if evaluation.status in ("failed", "stopped"):
                why = evaluation.error or "stopped by a person"
                sentences.append(f"{candidate.model} ({METHOD_OF[name]}) was not measured: {why}.")
    return sentences


def _against(scores: dict[str, Score], bars: dict[str, float]) -> str:
    return ", ".join(f"{name} {shown(scores[name])} against {bars[name]:g}" for name in bars)


def _standing(option: _Option, bars: dict[str, float]) -> str:
    words = {"clears": "clears the bar", "misses": "misses the bar", "open": "is not decided"}
    return f"{option.name} {words[option.standing]}: {_against(option.scores, bars)}."


def shown(score: Score) -> str:
    """Write a score with its interval and the records behind it."""
    if score.value is None or score.low is None or score.high is None:
        return "unscored"
    return f"{score.value:.2f} ({score.low:.2f}–{score.high:.2f}, {score.n} rows)"


def _rows_needed(option: _Option, bars: dict[str, float], confidence: float) -> int | None:
    """Return how many rows would decide every bar if the scores stay; None when none would."""
    needed = [_rows_for(name, option.scores[name], bar, confidence) for name, bar in bars.items()]
    known = [rows for rows in needed if rows is not None]
    return max(known) if len(known) == len(needed) else None


def _rows_for(name: str, score: Score, bar: float, confidence: float) -> int | None:
    if score.value is None or score.low is None or score.high is None:
        return None
    if score.low >= bar or score.high < bar:
        return score.n
    distance = abs(score.value - bar)
    if name in SCALES:
        # The interval narrows with the square root of the rows.
        rows = score.n * ((score.high - score.low) / 2 / distance) ** 2 if distance else _TOO_MANY_ROWS
        return None if rows >= _TOO_MANY_ROWS else max(round(rows), score.n + 1)
    few, many = score.n, _TOO_MANY_ROWS
    if not _decided(score.value, many, bar, confidence):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _decided(score.value, middle, bar, confidence) else (middle, many)
    return many


def _decided(value: float, n: int, bar: float, confidence: float) -> bool:
    low, high = wilson(value * n, n, confidence)
    return low >= bar or high < bar
