"""The DAG that releases what ended runs have left."""

import importlib

import pytest


@pytest.mark.parametrize(("name", "paused"), [("here", False), ("", True)])
def test_it_runs_every_hour_by_itself_where_this_airflow_has_a_name(
    monkeypatch: pytest.MonkeyPatch, name: str, paused: bool
) -> None:
    import nemo_reaper

    from flywheel_tasks.settings import flywheel_config

    monkeypatch.setenv("AIRFLOW__NEMO__INSTALLATION", name)
    dag = importlib.reload(nemo_reaper).dag
    assert dag.is_paused_upon_creation == paused
    assert dag.timetable.summary == "7 * * * *"
    assert not dag.catchup
    assert dag.max_active_runs == 1
    [task] = dag.tasks
    assert task.namespace == flywheel_config().nmp_config.nmp_namespace
