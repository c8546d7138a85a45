"""The golden set: a workload's first eval set, evaluated in every later run beside the window's own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from include.flywheel.config import FlywheelConfig
from include.flywheel.config_types import WorkloadType
from include.flywheel.evalset import GOLDEN
from include.flywheel.jsonl import read_lines
from include.flywheel.privacy import PATTERNS_VERSION
from include.flywheel.registry import Golden, Registry


def golden_settings(config: FlywheelConfig, workload_type: WorkloadType) -> str:
    """Return a hash of what the rows of an eval set depend on, besides the logs: with other settings it is another set."""
    settings: dict[str, Any] = {
        "workload_type": workload_type,
        "parse_function_arguments": config.data_split_config.parse_function_arguments,
    }
    if config.privacy.mode == "replace":
        settings["privacy"] = {**config.privacy.model_dump(mode="json"), "patterns_version": PATTERNS_VERSION}
    return hashlib.sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


class GoldenSet:
    """The golden set of a run: the one that is there, or the run's own eval set if there is none yet."""

    def __init__(self, registry: Registry, settings: str, run: str, window: tuple[str, str]) -> None:
        """Look for the set; `run` and `window` (ISO times) describe the one that begins otherwise.

        Raises RecordError when it is there and cannot be read.
        """
        self._registry, self._settings = registry, settings
        self._run, self._window = run, window
        self._found = registry.golden(settings)
        self._unseen: set[str] = set()
        if self._found:
            self._unseen = {record_id for record_id, _ in registry.golden_rows(settings)}
        self.records = self._found.records if self._found else 0

    @property
    def since(self) -> str:
        """The window that the set is from."""
        start, end = (self._found.window_start, self._found.window_end) if self._found else self._window
        return f"{start} – {end}"

    def has(self, record_id: str) -> bool:
        """Tell whether a record of the run's own eval set is golden, too."""
        if self._found is None:
            return True
        if record_id in self._unseen:
            self._unseen.remove(record_id)
            return True
        return False

    def others(self) -> Iterator[tuple[str, bytes]]:
        """Yield the ids and rows of the golden records that the run's own eval set does not have."""
        if self._found:
            for record_id, row in self._registry.golden_rows(self._settings):
                if record_id in self._unseen:
                    yield record_id, orjson.dumps({**row, "sets": [GOLDEN]})

    def freeze(self, eval_file: Path) -> None:
        """Begin the golden set with the rows of the run's eval file, if there is none yet."""
        if self._found:
            return
        self.records = self._registry.write_golden(
            self._settings,
            Golden(created_by=self._run, window_start=self._window[0], window_end=self._window[1], records=0),
            (_without_sets(orjson.loads(line)) for line in read_lines(eval_file)),
        )


def _without_sets(row: dict[str, Any]) -> bytes:
    return orjson.dumps({key: value for key, value in row.items() if key != "sets"})
