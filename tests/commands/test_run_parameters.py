"""What `make run` makes of the variables it is given."""

from pathlib import Path

import pytest

from commands.run import run_parameters
from commands.settings import read_config
from include.flywheel.errors import FlywheelError

CONFIG = read_config("")[1]


def test_without_logs_the_sample_workload_is_written_and_run(tmp_path: Path) -> None:
    conf = run_parameters({}, CONFIG, tmp_path)
    assert Path(conf["logs"]).stat().st_size > 0
    assert conf["workload_id"]
    assert conf["client_id"]
    assert "window_start" not in conf


def test_an_index_is_read_where_it_is_named_and_where_only_a_server_is(tmp_path: Path) -> None:
    named = {"WORKLOAD": "w", "CLIENT": "c"}
    server = {"ELASTICSEARCH_URL": "http://es.test:9200"}
    index = {"LOGS": "elasticsearch://prod/logs-*"}
    assert run_parameters({**named, **index}, CONFIG, tmp_path)["logs"] == index["LOGS"]
    assert run_parameters({**named, **server}, CONFIG, tmp_path)["logs"] == "elasticsearch:///flywheel"
    # The sample is what is run where nothing is named.
    assert run_parameters(server, CONFIG, tmp_path)["logs"].endswith(".jsonl")
    with pytest.raises(FlywheelError, match="does not name an index"):
        run_parameters({**named, "LOGS": "elasticsearch://prod"}, CONFIG, tmp_path)


def test_a_relative_path_of_logs_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my logs.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    conf = run_parameters({"LOGS": "my logs.jsonl", "WORKLOAD": "w", "CLIENT": "c"}, CONFIG, tmp_path)
    assert conf == {"logs": str(tmp_path / "my logs.jsonl"), "workload_id": "w", "client_id": "c"}


def test_a_url_of_logs_stays_as_it_is(tmp_path: Path) -> None:
    conf = run_parameters({"LOGS": "s3://bucket/logs", "WORKLOAD": "w", "CLIENT": "c"}, CONFIG, tmp_path)
    assert conf["logs"] == "s3://bucket/logs"


def test_dates_become_moments_and_models_a_list(tmp_path: Path) -> None:
    given = {
        "LOGS": str(tmp_path),
        "WORKLOAD": "w",
        "CLIENT": "c",
        "START": "2025-10-01",
        "END": "2025-10-11T12:00:00Z",
    }
    conf = run_parameters({**given, "MODELS": "local/student-s, local/student-m"}, CONFIG, tmp_path)
    assert conf["window_start"] == "2025-10-01T00:00:00+00:00"
    assert conf["window_end"] == "2025-10-11T12:00:00+00:00"
    assert conf["models"] == ["local/student-s", "local/student-m"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"LOGS": "/no/such/file.jsonl", "WORKLOAD": "w", "CLIENT": "c"}, "no such file or folder"),
        ({"LOGS": "."}, "WORKLOAD="),
        ({"LOGS": ".", "WORKLOAD": "w", "CLIENT": "c", "START": "yesterday"}, "yesterday"),
        (
            {"LOGS": ".", "WORKLOAD": "w", "CLIENT": "c", "START": "2025-10-02", "END": "2025-10-01"},
            "2025-10-01",
        ),
        ({"LOGS": ".", "WORKLOAD": "w", "CLIENT": "c", "MODELS": "no/such"}, "local/student-s"),
    ],
)
def test_a_mistake_is_named_before_anything_starts(given: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(FlywheelError, match=said):
        run_parameters(given, CONFIG, tmp_path)
