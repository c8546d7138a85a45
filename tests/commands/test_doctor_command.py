"""`make doctor` as a person and as a script call it: table, JSON, exit codes, nothing secret, nothing started."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from commands.doctor import print_findings
from commands.embedded import note_addresses
from commands.embedded import running_platform as running_platform_of
from commands.settings import LOCAL_CONFIG, read_config
from commands.slots import series
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform
from nemo_provider.checks import Finding, Status

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "wr0ng-token-0123"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform(gpus=4, bearer_token="right") as platform:
        yield platform


def addresses(platform: Platform) -> dict[str, str]:
    return {"nemo": platform.nemo_url, "nim": platform.nim_url, "datastore": platform.datastore_url}


def doctor(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "commands.doctor", *arguments],
        cwd=ROOT,
        env={**os.environ, "CONFIG": "", "LOGS": "", "FLYWHEEL_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def config(folder: Path, platform: Platform, **more: Any) -> str:
    nims = [{"model_name": "local/student-s", "context_length": 8192}]
    nmp = {f"{service}_base_url": url for service, url in addresses(platform).items()}
    path = folder / "config.yaml"
    path.write_text(
        yaml.safe_dump({"nims": nims, "icl_config": {"max_context_length": 8192}, "nmp_config": nmp, **more})
    )
    return str(path)


def connections(platform: Platform, token: str) -> dict[str, str]:
    names = {"nemo": "NEMO_DEFAULT", "nim": "NIM_DEFAULT", "datastore": "NEMO_DATASTORE_DEFAULT"}
    return {
        f"AIRFLOW_CONN_{names[service]}": json.dumps({"conn_type": "http", "host": url, "password": token})
        for service, url in addresses(platform).items()
    }


def test_an_embedded_platform_that_does_not_run_is_one_row_with_what_to_do(tmp_path: Path) -> None:
    ended = doctor(tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("embedded platform") == 1
    assert "make platform" in ended.stdout
    assert "NIM proxy" not in ended.stdout
    assert "0 problems" in ended.stdout


def test_a_script_reads_one_json_object_and_nothing_else(tmp_path: Path, platform: Platform) -> None:
    given = config(tmp_path, platform)
    (tmp_path / "logs.jsonl").touch()
    variables = {"LOGS": str(tmp_path / "logs.jsonl"), "LLM_JUDGE_API_KEY": TOKEN}
    ended = doctor(tmp_path, "--json", CONFIG=given, **connections(platform, "right"), **variables)
    document = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert (document["ok"], document["config"]) == (True, given)
    assert {tuple(finding) for finding in document["findings"]} == {
        ("service", "check", "status", "detail", "remedy")
    }
    by_name = {(each["service"], each["check"]): each["status"] for each in document["findings"]}
    assert by_name["Customizer", "answers"] == by_name["logs", variables["LOGS"]] == "ok"


def test_a_refused_credential_is_red_for_each_connection_and_never_shown(
    tmp_path: Path, platform: Platform
) -> None:
    ended = doctor(tmp_path, CONFIG=config(tmp_path, platform), **connections(platform, TOKEN))
    assert ended.returncode == 1
    assert "3 problems" in ended.stdout
    for conn_id in ("nemo_default", "nim_default", "nemo_datastore_default"):
        assert f"'{conn_id}'" in ended.stdout
    assert TOKEN not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_config_that_cannot_be_read_is_a_problem_in_either_form(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("nims: []\n")
    ended = doctor(tmp_path, "--json", CONFIG=str(bad))
    assert ended.returncode == 1
    [finding] = json.loads(ended.stdout)["findings"]
    assert (finding["service"], finding["status"]) == ("config", "problem")
    assert "nims" in finding["detail"]


def test_the_platform_of_a_running_stack_is_found_by_what_it_noted(tmp_path: Path) -> None:
    _, local = read_config("")
    slots = [tmp_path / f"{series('up', LOCAL_CONFIG, '', LOCAL_CONFIG)}-{number}" for number in (1, 2)]
    for slot in slots:
        slot.mkdir()
    gone = dict.fromkeys(("nemo", "nim", "datastore"), "http://127.0.0.1:9")
    note_addresses(slots[0], gone)
    assert running_platform_of(tmp_path, LOCAL_CONFIG, local) == {}
    with running_platform() as running:
        note_addresses(slots[1], addresses(running))
        assert running_platform_of(tmp_path, LOCAL_CONFIG, local) == addresses(running)


def test_texts_from_outside_are_printed_as_they_are() -> None:
    out = io.StringIO()
    found = [
        Finding("a", "b [red]c[/red]", Status.PROBLEM, "said [i]no[/i]", "mend [b]it[/b]"),
        Finding("d", "e", Status.SKIPPED, "needs: a"),
    ]
    print_findings(Console(file=out, width=120), Path("/x/[c].yaml"), found)
    text = out.getvalue()
    for words in ("/x/[c].yaml", "b [red]c[/red]", "said [i]no[/i]", "→ mend [b]it[/b]"):
        assert words in text
    assert "0 ok, 1 problem, 1 skipped" in text
