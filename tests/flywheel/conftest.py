from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.flywheel.config import FlywheelConfig, WorkloadType
from include.flywheel.curate import CurationSummary, curate
from include.flywheel.datasets import build_datasets
from include.flywheel.export import ExportSummary, export_logs
from include.flywheel.icl_files import add_examples
from include.flywheel.logs.files import FileLogs
from include.flywheel.manifest import DatasetSummary
from include.flywheel.records import Window
from tests.flywheel.samples import CLIENT, WORKLOAD, config, write_logs

Export = Callable[..., ExportSummary]
Curate = Callable[..., CurationSummary]
Build = Callable[..., DatasetSummary]


def build_all(
    root: Path, folder: str, settings: FlywheelConfig, workload_type: WorkloadType, *, run: str = "run-1"
) -> DatasetSummary:
    """Build a dataset with its examples, as two tasks do, of what was exported and curated below `root`."""
    split = build_datasets(
        root / "exported",
        root / "curated",
        root / folder,
        config=settings,
        client_id=CLIENT,
        workload_id=WORKLOAD,
        workload_type=workload_type,
        history=root / "history",
        run=run,
    )
    return add_examples(root / folder, split, config=settings, client_id=CLIENT, workload_id=WORKLOAD)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Write the records as a log and export it to `exported/`."""

    def run(
        records: list[Any], window: Window | None = None, *, parse_arguments: bool = True
    ) -> ExportSummary:
        logs = FileLogs(write_logs(tmp_path / "logs.jsonl", records))
        return export_logs(
            logs,
            client_id=CLIENT,
            workload_id=WORKLOAD,
            window=window or Window(),
            folder=tmp_path / "exported",
            parse_arguments=parse_arguments,
        )

    return run


@pytest.fixture
def curated(tmp_path: Path, export: Export) -> Curate:
    """Export and curate the records to `curated/`."""

    def run(records: list[Any], *, workload_type: str = "auto", **split: Any) -> CurationSummary:
        settings = config(**split).data_split_config
        export(records, parse_arguments=settings.parse_function_arguments)
        return curate(
            tmp_path / "exported", tmp_path / "curated", split=settings, workload_type=workload_type
        )

    return run


@pytest.fixture
def built(tmp_path: Path, curated: Curate) -> Build:
    """Export, curate and build the records to `dataset/`."""

    def build(
        records: list[Any], *, folder: str = "dataset", run: str = "run-1", **split: Any
    ) -> DatasetSummary:
        summary = curated(records, **split)
        return build_all(tmp_path, folder, config(**split), summary.workload_type, run=run)

    return build
