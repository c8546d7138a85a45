"""Which model to ship: the cheapest that surely clears the bar, or an honest "keep" or "cannot tell"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from include.flywheel.config_sections import RecommendationConfig
from include.flywheel.results import METHOD_OF, Candidate, Method, Recommendation, Score
from include.flywheel.scores import interval, scale_of

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


def bars_for(settings: RecommendationConfig, asked: Iterable[str]) -> dict[str, float]:
    """Return the bar of each score that the evaluations ask for, where the config sets one."""
    bars = settings.model_dump()
    return {name: float(bars[name]) for name in asked if bars[name] is not None}


def recommend(
    candidates: Sequence[Candidate], bars: dict[str, float], confidence: float = 0.95
) -> Recommendation:
    """Return the verdict over candidates; fewer GPUs are cheaper, and where those are equal the earlier one.

    `switch` to the cheapest candidate × method whose interval lies above every bar, even if the records without a
    score had the lowest; `keep_incumbent` when every planned one was measured and lies below a bar, even if they had
    the highest; otherwise `cannot_tell`, with the eval rows that would decide.
    """
    options = _options(candidates, bars)
    missing = _missing(candidates)
    if not bars:
        said = "`recommendation` sets no bar for any score that was asked for."
        return Recommendation(verdict="cannot_tell", reasons=[said, *missing])
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
    return _cannot_tell(undecided, bars, confidence, [*standings, *missing])


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
    elif any(score.unscored for option in undecided for score in option.scores.values()):
        said = "Too many eval records have no score, and more of them would not tell. See why: the samples are kept."
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
    reaches = {name: _reach(name, score) for name, score in scores.items()}
    if any(high < bars[name] for name, (_, high) in reaches.items()):
        return "misses"
    if all(low >= bars[name] for name, (low, _) in reaches.items()):
        return "clears"
    return "open"


def _reach(name: str, score: Score) -> tuple[float, float]:
    """Return what the mean over all rows can be, those without a score included, which may be anything."""
    floor, ceiling = scale_of(name)
    if score.low is None or score.high is None:
        return floor, ceiling
    unscored = score.unscored / (score.n + score.unscored)
    return score.low + unscored * (floor - score.low), score.high + unscored * (ceiling - score.high)


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
    """Write a score with its interval, and the records with and without one."""
    if score.value is None or score.low is None or score.high is None:
        return f"none of {score.unscored} rows scored" if score.unscored else "no score"
    unscored = f", {score.unscored} unscored" if score.unscored else ""
    return f"{score.value:.2f} ({score.low:.2f}–{score.high:.2f}, {score.n} rows{unscored})"


def _rows_needed(option: _Option, bars: dict[str, float], confidence: float) -> int | None:
    """Return how many rows would decide every bar if the scores stay; None when none would."""
    needed = [_rows_for(name, option.scores[name], bar, confidence) for name, bar in bars.items()]
    known = [rows for rows in needed if rows is not None]
    return max(known) if len(known) == len(needed) else None


def _rows_for(name: str, score: Score, bar: float, confidence: float) -> int | None:
    """Return how many rows would decide if mean, spread and share of unscored rows stay; the fewest by bisection."""
    if _decided(name, score, bar):
        return score.n + score.unscored
    if score.value is None:
        return None
    few, many = score.n + score.unscored, _TOO_MANY_ROWS
    if not _decided(name, _grown(name, score, many, confidence), bar):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        decided = _decided(name, _grown(name, score, middle, confidence), bar)
        few, many = (few, middle) if decided else (middle, many)
    return many


def _decided(name: str, score: Score, bar: float) -> bool:
    low, high = _reach(name, score)
    return low >= bar or high < bar


def _grown(name: str, score: Score, rows: int, confidence: float) -> Score:
    """Return the score as it would be over this many rows."""
    assert score.value is not None, "nothing is known of what was never scored"
    n = rows * score.n // (score.n + score.unscored)
    low, high = interval(score.value, score.spread, n, scale=scale_of(name), confidence=confidence)
    return score.model_copy(update={"n": n, "unscored": rows - n, "low": low, "high": high})
