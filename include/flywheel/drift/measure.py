"""The drift of a run's window: measured, kept for later windows, compared, plotted."""

from pathlib import Path

from include.flywheel.drift.findings import compare_windows
from include.flywheel.drift.history import keep_window, windows_before
from include.flywheel.drift.plot import plot_windows
from include.flywheel.drift.result import Drift
from include.flywheel.drift.statistics import window_statistics
from include.flywheel.errors import RecordError
from include.flywheel.jsonl import write_json
from include.flywheel.records import parse_window

DRIFT_FILE = "drift.json"
PLOT_FILE = "drift.svg"
#: A plot of more windows is not readable.
_MOST_PLOTTED = 60


def measure_drift(
    curated: Path,
    *,
    client_id: str,
    workload_id: str,
    start: str,
    end: str,
    history: Path,
    windows: int,
    folder: Path,
) -> Drift:
    """Compare the curated window with up to `windows` previous ones; write `drift.json` and `drift.svg` to `folder`.

    `history` has the statistics of the same workload and client; those of this window are added. Raises RecordError
    when a file of the curation is missing or the window has no bounds.
    """
    window = parse_window(start, end)
    if window.start is None or window.end is None:
        raise RecordError("The window has no start or end: no exported record has a readable time")
    current = window_statistics(
        curated, client_id=client_id, workload_id=workload_id, start=window.start, end=window.end
    )
    keep_window(current, history)
    previous, notes = windows_before(window.start, history, max(windows, _MOST_PLOTTED - 1))
    drift = compare_windows(current, previous[-windows:])
    plot_windows([*previous[-(_MOST_PLOTTED - 1) :], current], folder / PLOT_FILE)
    drift = drift.model_copy(update={"plot": PLOT_FILE, "notes": notes})
    write_json(folder / DRIFT_FILE, drift.model_dump(mode="json"))
    return drift
