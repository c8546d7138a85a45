"""The sample logs that `make up` puts where the config looks for them."""

import resource
from pathlib import Path

import pytest

from commands.settings import read_config
from commands.up import write_missing_samples
from include.flywheel.config import FlywheelConfig


def with_logs(logs: Path) -> FlywheelConfig:
    config = read_config("")[1]
    workloads = [workload.model_copy(update={"logs": str(logs)}) for workload in config.workloads]
    return config.model_copy(update={"workloads": workloads})


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    sample = tmp_path / "sample" / "desk.jsonl"
    write_missing_samples(with_logs(sample))
    assert list(sample.parent.iterdir()) == [sample]
    sample.write_text("mine")
    write_missing_samples(with_logs(sample))
    assert sample.read_text() == "mine"


def test_a_file_that_cannot_be_finished_is_not_left_behind(tmp_path: Path) -> None:
    sample = tmp_path / "desk.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a full disk: the writing ends in the middle.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_missing_samples(with_logs(sample))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
