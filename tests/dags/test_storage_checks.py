"""Logs that can be read or not, artifacts that can be written or not."""

from pathlib import Path
from typing import Any

import pytest

from flywheel_tasks.storage_checks import NEEDED_BYTES, room
from nemo_provider.checks import CheckError, Status
from tests.dags.doctoring import UseConfig, found, here, log_file, problems
from tests.nemo_provider.scripted import Answer, scripted

KEY = "k3y-of-the-server"


def test_artifacts_that_cannot_be_written_are_a_problem(
    use_config: UseConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_config()
    (tmp_path / "file").touch()
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", str(tmp_path / "file" / "below"))
    finding = here()["artifacts, writable"]
    assert finding.status is Status.PROBLEM
    assert str(tmp_path / "file") in finding.detail
    assert "FLYWHEEL_ARTIFACTS" in finding.remedy
    for url in ("s3://bucket/flywheel", "nonsense://bucket"):
        monkeypatch.setenv("FLYWHEEL_ARTIFACTS", url)
        assert problems(here()) == ["artifacts, writable"]


def test_a_store_that_object_storage_reaches_is_written_read_and_left_empty(
    use_config: UseConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_config()
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", f"file://{tmp_path}/store")
    finding = here()["artifacts, writable"]
    assert finding.status is Status.OK
    assert "an object store does not tell" in finding.detail
    assert list((tmp_path / "store").iterdir()) == []


def test_a_full_disk_is_a_problem() -> None:
    with pytest.raises(CheckError, match=r"0\.3 GB free in /data"):
        room(Path("/data"), NEEDED_BYTES - 200 * 1024**2)


def test_logs_in_files_are_there_or_missing(use_config: UseConfig, tmp_path: Path) -> None:
    use_config()
    (tmp_path / "empty").mkdir()
    file, missing, empty = log_file(tmp_path), str(tmp_path / "none.jsonl"), str(tmp_path / "empty")
    findings = here(file, str(tmp_path), missing, empty, "elasticsearch://x", "s3://bucket/logs")
    assert problems(findings) == [
        f"logs, {place}" for place in (missing, empty, "elasticsearch://x", "s3://bucket/logs")
    ]
    assert findings[f"logs, {tmp_path}"].detail == "can be read; the first file is logs.jsonl"
    assert findings[f"logs, {missing}"].detail == f"{missing} is not there"
    assert "no log file in it" in findings[f"logs, {empty}"].detail
    assert "does not name an index" in findings["logs, elasticsearch://x"].detail
    later = found(missing, written_later=[missing], with_platform=False)[f"logs, {missing}"]
    assert later.status is Status.SKIPPED


FIELDS = "/logs/_mapping/field/client_id,workload_id,timestamp"


def mapping(**types: str) -> dict[str, Any]:
    fields = {name: {"mapping": {name: {"type": kind}}} for name, kind in types.items()}
    return {"logs": {"mappings": fields}}


MAPPED = (200, mapping(client_id="keyword", workload_id="keyword", timestamp="date"))
COUNT = (200, {"count": 7})


@pytest.mark.parametrize(
    ("answers", "status", "detail"),
    [
        ({FIELDS: MAPPED, "/logs/_count": COUNT}, Status.OK, "7 documents at"),
        (
            {
                FIELDS: (200, mapping(client_id="text", workload_id="text", timestamp="text")),
                "/logs/_count": COUNT,
            },
            Status.OK,
            "is not indexed as a time",
        ),
        (
            {FIELDS: (200, mapping(timestamp="date")), "/logs/_count": COUNT},
            Status.PROBLEM,
            "no field client_id",
        ),
        ({FIELDS: (404, {})}, Status.PROBLEM, "No index matches logs"),
        (
            {FIELDS: (401, {"error": {"reason": f"{KEY} is wrong", "type": "x"}})},
            Status.PROBLEM,
            "(HTTP 401)",
        ),
        ({FIELDS: (403, {"error": {"reason": "role", "type": "x"}})}, Status.PROBLEM, "(HTTP 403)"),
        ({FIELDS: (503, "busy")}, Status.PROBLEM, "(HTTP 503)"),
        ({FIELDS: (200, "<html>")}, Status.PROBLEM, "something that Elasticsearch does not say"),
    ],
)
def test_an_index_of_logs_is_there_with_a_usable_mapping(
    use_config: UseConfig,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, Answer],
    status: Status,
    detail: str,
) -> None:
    use_config()
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", KEY)
    with scripted(answers, headers={"X-Elastic-Product": "Elasticsearch"}) as server:
        monkeypatch.setenv("ELASTICSEARCH_URL", server.url)
        finding = here("elasticsearch:///logs")["logs, elasticsearch:///logs"]
        assert {method for method, *_ in server.requests} == {"GET"}
    assert finding.status is status
    assert detail in finding.detail
    assert bool(finding.remedy) == (status is Status.PROBLEM)
    assert KEY not in str(finding)


def test_a_server_that_is_none_or_not_there_is_told(
    use_config: UseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_config()
    with scripted({}, default=(200, {})) as other:
        monkeypatch.setenv("ELASTICSEARCH_URL", other.url)
        assert "is not Elasticsearch" in here("elasticsearch:///logs")["logs, elasticsearch:///logs"].detail
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://user:s3cretpw@127.0.0.1:9")
    finding = here("elasticsearch:///logs")["logs, elasticsearch:///logs"]
    assert (finding.status, finding.may_pass) == (Status.PROBLEM, True)
    assert "http://127.0.0.1:9 did not answer" in finding.detail
    assert "s3cretpw" not in str(finding)
    assert "no_such" in here("elasticsearch://no_such/logs")["logs, elasticsearch://no_such/logs"].detail
