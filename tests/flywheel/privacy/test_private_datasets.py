import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.flywheel.config import FlywheelConfig, parse_config
from include.flywheel.curate import CurationSummary, curate
from include.flywheel.export import export_logs
from include.flywheel.logs.files import FileLogs
from include.flywheel.records import Window
from tests.flywheel.conftest import build_all
from tests.flywheel.samples import CLIENT, WORKLOAD, tool_record, write_logs

PERSONAL = ("ann", "lee", "19122", "secret-user")


def personal_record(number: int) -> dict[str, Any]:
    record = tool_record(f"ann.lee{number}@example.com", 0, user="secret-user")
    record["request"]["messages"] += [
        {"role": "user", "content": f"My name is Ann Lee, zip code 19122. {number}"}
    ]
    record["request"]["metadata"]["email"] = "ann@example.com"
    record["response"]["caller"] = "ann@example.com"
    record["response"]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = json.dumps(
        {"first_name": "Ann", "number": number}
    )
    return record


def settings(mode: str) -> FlywheelConfig:
    return parse_config(
        {
            "nims": [{"model_name": "a/b", "context_length": 8192}],
            "data_split_config": {"eval_size": 4, "min_total_records": 1},
            "privacy": {"mode": mode},
        },
        source="test",
    )


@pytest.fixture
def curated_in(tmp_path: Path) -> Callable[[str], CurationSummary]:
    """Export and curate twelve records of Ann's below `<mode>/`."""
    logs = write_logs(tmp_path / "logs.jsonl", [personal_record(number) for number in range(12)])

    def run(mode: str) -> CurationSummary:
        config, folder = settings(mode), tmp_path / mode
        export_logs(
            FileLogs(logs),
            client_id=CLIENT,
            workload_id=WORKLOAD,
            window=Window(),
            folder=folder / "exported",
            privacy=config.privacy,
        )
        return curate(folder / "exported", folder / "curated", split=config.data_split_config)

    return run


def dataset_texts(tmp_path: Path, mode: str) -> dict[str, str]:
    """Return what is in every file of a dataset and of the run, in small letters."""
    folder = tmp_path / mode
    build_all(folder, "dataset", settings(mode), "tool_calling")
    return {
        str(path.relative_to(folder)): path.read_bytes().decode("latin-1").lower()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_no_file_of_a_run_holds_anything_personal(
    curated_in: Callable[[str], CurationSummary], tmp_path: Path
) -> None:
    curated_in("replace")
    for path, text in dataset_texts(tmp_path, "replace").items():
        assert not [value for value in PERSONAL if value in text], path


def test_without_replacing_they_hold_what_was_logged(
    curated_in: Callable[[str], CurationSummary], tmp_path: Path
) -> None:
    curated_in("report")
    eval_rows = dataset_texts(tmp_path, "report")["dataset/testing/eval.jsonl"]
    assert all(value in eval_rows for value in PERSONAL)


def test_what_was_found_is_counted_and_never_shown(
    curated_in: Callable[[str], CurationSummary], tmp_path: Path
) -> None:
    summary = curated_in("report")
    assert summary.privacy.model_dump() == {
        "mode": "report",
        "records": 12,
        # The e-mail address is that of the order in the first message.
        "found": {"email": 12, "person": 24, "address": 12},
    }
    assert curated_in("replace").privacy.found == summary.privacy.found
    assert curated_in("off").privacy.model_dump() == {"mode": "off", "records": 0, "found": {}}


def test_the_manifest_tells_mode_and_version(
    curated_in: Callable[[str], CurationSummary], tmp_path: Path
) -> None:
    curated_in("replace")
    manifest = json.loads(dataset_texts(tmp_path, "replace")["dataset/manifest.json"])
    assert (manifest["privacy"]["mode"], manifest["privacy"]["patterns_version"]) == ("replace", 1)
