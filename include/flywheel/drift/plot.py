"""The plot in the report: volume, tools and prompt lengths, window by window."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from include.flywheel.drift.statistics import WindowStatistics
from include.flywheel.jsonl import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The "muted" colours of Paul Tol, told apart by the colour-blind, too; one for each named tool.
_COLOURS = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
_OTHER, _CURRENT, _PREVIOUS = "#DDDDDD", "#D55E00", "#88A0B8"
_OTHER_NAME = "other"
_LONGEST_NAME = 33
_MOST_TICKS = 8
_SETTINGS = {
    # The same windows give the same bytes, on every day and whatever the user's own settings are.
    "svg.hashsalt": "flywheel",
    # Text stays text: a reader can search it, and a name is never read as a formula.
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def plot_windows(windows: Sequence[WindowStatistics], path: Path, *, kind: str = "svg") -> None:
    """Draw windows, oldest first, the last one marked; readable from 1 to 60 of them."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        panels = [_plot_volume, _plot_prompts]
        if any(window.tools.records for window in windows):
            panels.insert(1, _plot_tools)
        figure = Figure(figsize=(11, 2.9 * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, each in zip(panels, axes, strict=True):
            panel(each, windows)
        _name_windows(axes[-1], windows)
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {}
        with replacing(path) as file, warnings.catch_warnings():
            # A script that the font lacks is drawn by the reader's own: text stays text.
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            figure.savefig(file, format=kind, metadata=metadata)


def _plot_volume(axes: "Axes", windows: Sequence[WindowStatistics]) -> None:
    colours = [_PREVIOUS] * (len(windows) - 1) + [_CURRENT]
    axes.bar(range(len(windows)), [w.records_per_day for w in windows], color=colours, width=0.8)
    axes.set_title("Records a day (this window in orange)", loc="left")


def _plot_tools(axes: "Axes", windows: Sequence[WindowStatistics]) -> None:
    tools = {name for window in windows for name in window.tools.records}
    # Named are those called most in all, and those called most now: what is new is not lost in the rest.
    weight = {
        name: sum(_share(w, [name]) for w in windows) / len(windows) + _share(windows[-1], [name])
        for name in tools
    }
    ranked = sorted(tools, key=lambda name: (-weight[name], name))
    # One too many would be "other" alone, which says less than its name.
    named = ranked if len(ranked) <= len(_COLOURS) else ranked[: len(_COLOURS) - 1]
    rest = len(ranked) - len(named)
    shares = [[_share(window, [name]) for window in windows] for name in named]
    labels = [_short(name) for name in named]
    colours = list(_COLOURS[: len(named)])
    if rest:
        shares.append([_share(window, ranked[len(named) :]) for window in windows])
        labels.append(f"{_OTHER_NAME} ({rest} tools)")
        colours.append(_OTHER)
    floor = [0.0] * len(windows)
    bars = []
    for share, colour in zip(shares, colours, strict=True):
        bars.append(axes.bar(range(len(windows)), share, bottom=floor, color=colour, width=0.8))
        floor = [below + more for below, more in zip(floor, share, strict=True)]
    axes.set_ylim(0, 100)
    axes.set_title("Calls by tool, in percent", loc="left")
    # In the order in which they are stacked, from the top.
    axes.legend(
        bars[::-1],
        labels[::-1],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=8,
    )


def _plot_prompts(axes: "Axes", windows: Sequence[WindowStatistics]) -> None:
    places = range(len(windows))
    of = {q: [w.prompt_tokens.quantiles[q] for w in windows] for q in (5, 25, 50, 75, 95)}
    wide = axes.vlines(places, of[5], of[95], color=_PREVIOUS, linewidth=1.5)
    middle = axes.vlines(places, of[25], of[75], color=_PREVIOUS, linewidth=5)
    (line,) = axes.plot(places, of[50], color=_CURRENT, marker="o", markersize=4, linewidth=1)
    axes.set_ylim(bottom=0)
    axes.set_title("Prompt tokens (estimated)", loc="left")
    axes.legend(
        [line, middle, wide],
        ["median", "25–75 %", "5–95 %"],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=8,
    )


def _name_windows(axes: "Axes", windows: Sequence[WindowStatistics]) -> None:
    """Write the start of some windows below the axis, the last one's always."""
    step = -(-len(windows) // _MOST_TICKS)
    places = list(range(len(windows) - 1, -1, -step))[::-1]
    whole_days = all(f"{window.start:%H%M%S}" == "000000" for window in windows)
    shown = "%Y-%m-%d" if whole_days else "%Y-%m-%d\n%H:%M"
    axes.set_xticks(places, [windows[place].start.strftime(shown) for place in places])
    axes.set_xlim(-0.6, max(len(windows), 4) - 0.4)
    axes.set_xlabel("start of the window (UTC)")


def _share(window: WindowStatistics, names: Sequence[str]) -> float:
    total = sum(window.tools.records.values())
    return 100 * sum(window.tools.records.get(name, 0) for name in names) / total if total else 0.0


def _short(name: str) -> str:
    """Return a tool's name, from outside, as a label: one line, only what can be printed, not too long."""
    label = "".join(character if character.isprintable() else "·" for character in name)
    if len(label) > _LONGEST_NAME:
        # Long names differ at either end.
        half = _LONGEST_NAME // 2
        label = f"{label[:half]}…{label[-half:]}"
    return label
