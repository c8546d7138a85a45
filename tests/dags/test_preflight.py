"""What is looked at before anything is spent."""

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_tasks.doctor import check_judge_key
from flywheel_tasks.preflight import judged, preflight
from include.flywheel.config import parse_config
from include.flywheel.config_models import JudgeConfig
from include.flywheel.errors import FlywheelError
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform
from nemo_provider.checks import Finding, Status
from nemo_provider.errors import NemoUnavailableError
from tests.dags.doctoring import CLOSED, CUSTOMIZED, UseConfig, log_file
from tests.dags.doctoring import judge as remote_judge


def judge(**values: object) -> JudgeConfig | None:
    nims = [{"model_name": "a/b", "context_length": 8192}]
    return parse_config(
        {"nims": nims, "llm_judge_config": {"model_name": "j", **values}}, source="x"
    ).llm_judge_config


REMOTE = {"deployment_type": "remote", "url": "https://judge.test/v1/chat/completions"}


def test_a_judge_whose_key_is_missing_stops_the_run_before_it_trains() -> None:
    with pytest.raises(FlywheelError, match="MY_KEY"):
        check_judge_key(judge(**REMOTE, api_key_env="MY_KEY"), {"OTHER": "x", "MY_KEY": ""})


@pytest.mark.parametrize(
    ("values", "environment"),
    [
        ({**REMOTE, "api_key_env": "MY_KEY"}, {"MY_KEY": "k"}),
        (REMOTE, {"NVIDIA_API_KEY": "k"}),
        ({**REMOTE, "api_key_env": ""}, {}),
        ({"deployment_type": "local", "gpus": 1}, {}),
    ],
)
def test_a_judge_with_its_key_or_without_need_of_one_passes(values: dict, environment: dict) -> None:
    check_judge_key(judge(**values), environment)


PARAMS = {"logs": None, "workload_id": "w", "client_id": "c"}


def run_preflight(**params: Any) -> dict[str, str]:
    return preflight.function(params={**PARAMS, **params})


def test_preflight_passes_where_all_is_well_and_looks_at_the_logs_of_its_run(
    platform: Platform, use_config: UseConfig, tmp_path: Path
) -> None:
    use_config(platform, logs="/no/such/logs")
    told = run_preflight(logs=log_file(tmp_path))
    assert told["Customizer, answers"] == "API v1; 0 unfinished jobs in dfwbp"
    with pytest.raises(FlywheelError, match="/no/such/logs is not there"):
        run_preflight()


def test_preflight_names_every_problem_and_is_not_retried_where_a_person_must_mend_one(
    use_config: UseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    use_config(nmp_config=CLOSED, **remote_judge("http://127.0.0.1:9/v1", api_key_env="JUDGE_KEY"))
    with pytest.raises(FlywheelError) as error:
        run_preflight()
    text = str(error.value)
    assert "4 problems before anything was spent" in text
    for words in ("NeMo platform, connection: No connection", "Data Store, connection", "JUDGE_KEY not set"):
        assert words in text


def test_preflight_is_retried_where_that_may_help(use_config: UseConfig) -> None:
    use_config(nmp_config=CLOSED)
    with pytest.raises(NemoUnavailableError, match=r"(?s)3 problems.*http://127\.0\.0\.1:9"):
        run_preflight()


def test_preflight_names_a_refused_credential(use_config: UseConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_platform(bearer_token="right") as secured:
        use_config(secured)
        for conn_id, url in (
            ("NEMO_DEFAULT", secured.nemo_url),
            ("NIM_DEFAULT", secured.nim_url),
            ("NEMO_DATASTORE_DEFAULT", secured.datastore_url),
        ):
            document = {"conn_type": "http", "host": url, "password": "wr0ng-token"}
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}", json.dumps(document))
        with pytest.raises(FlywheelError, match="Airflow connection 'nemo_default' was refused") as error:
            run_preflight()
    assert "'nim_default' was refused" in str(error.value)
    assert "'nemo_datastore_default' was refused" in str(error.value)
    assert "wr0ng-token" not in str(error.value)


def test_a_candidate_that_cannot_be_trained_is_warned_of_and_keeps_no_other_from_running(
    platform: Platform, use_config: UseConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nim = {**CUSTOMIZED, "customizer_configs": {"target": "local/student-s@no-such-version", "gpus": 1}}
    use_config(platform, nims=[nim])
    told = run_preflight(logs=log_file(tmp_path))
    assert "Customizer, target local/student-s@no-such-version" not in told
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "does not know it. Correct customizer_configs.target" in warning


def test_what_is_bearable_does_not_stop_a_run() -> None:
    elsewhere = Finding("judge", "answers", Status.PROBLEM, "no way", "look", may_pass=True, bearable=True)
    judged([elsewhere, Finding("a", "b", Status.SKIPPED, "x")])
    with pytest.raises(NemoUnavailableError, match=r"^1 problem before"):
        judged([elsewhere, Finding("a", "b", Status.PROBLEM, "x", may_pass=True)])
