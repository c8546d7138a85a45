"""The section of `report.md` about drift."""

from include.flywheel.drift.result import Drift, Figure
from include.flywheel.markdown import plain

_NAMES = {
    "records_per_day": "records a day",
    "conversations_per_day": "conversations a day",
    "records_per_conversation": "records per conversation",
    "tools_called": "different tools called",
    "prompt_tokens_p50": "prompt tokens, median (estimated)",
    "prompt_tokens_p95": "prompt tokens, 95th percentile (estimated)",
    "answer_tokens_p50": "answer tokens, median (as logged)",
    "share_set_aside": "share set aside",
    "share_duplicate": "share of duplicates",
    "embedding_distance": "embedding distance (Cliff's delta)",
}


def drift_section(drift: Drift | None) -> str:
    """Return sentences, gravest first, a table and the plot; None, where drift was not measured, says so."""
    if drift is None:
        return "Not measured; the notes say why."
    marks = {"strong": "**strong**: ", "notice": "notice: ", "none": ""}
    lines = [f"- {marks[finding.severity]}{plain(finding.sentence)}" for finding in drift.findings]
    if not drift.previous:
        lines.append("- There is no previous window of this workload to compare with.")
    lines += [f"- {plain(note)}" for note in drift.notes]
    parts = ["\n".join(lines), _table(drift)]
    if drift.plot:
        parts.append(f"![Volume, tools and prompt lengths, window by window]({drift.plot})")
    return "\n\n".join(parts)


def _table(drift: Drift) -> str:
    count = len(drift.previous)
    before = "the window before" if count == 1 else f"the last {count} windows: median (lowest – highest)"
    if not count:
        return "\n".join(["| | this window |", "|---|---|", *(_row(f, []) for f in drift.figures)])
    rows = [_row(figure, [_before(figure, count)]) for figure in drift.figures]
    return "\n".join([f"| | this window | {before} |", "|---|---|---|", *rows])


def _row(figure: Figure, more: list[str]) -> str:
    return f"| {' | '.join([_NAMES.get(figure.name, figure.name), _shown(figure, figure.current), *more])} |"


def _before(figure: Figure, count: int) -> str:
    if figure.median is None or figure.low is None or figure.high is None:
        return "–"
    median = _shown(figure, figure.median)
    span = f" ({_shown(figure, figure.low)} – {_shown(figure, figure.high)})"
    return median if count == 1 else median + span


def _shown(figure: Figure, value: float) -> str:
    if figure.name.startswith("share_"):
        return f"{100 * value:.1f} %"
    if figure.name == "embedding_distance":
        return f"{value:.2f}"
    return f"{value:,.1f}" if abs(value) < 100 and value % 1 else f"{value:,.0f}"
