"""Where a run's logs are, and what a connection of Elasticsearch means."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from flywheel_tasks.elasticsearch_client import connect, of_connection, of_environment
from flywheel_tasks.logs import place_of_logs
from flywheel_tasks.settings import ROOT
from include.flywheel.config import parse_config
from include.flywheel.errors import ConfigError, FlywheelError

SERVER = {"ELASTICSEARCH_URL": "http://es.test:9200"}


def config(**more: Any):
    nims = [{"model_name": "a/b", "context_length": 8192}]
    return parse_config({"nims": nims, "icl_config": {"max_context_length": 8192}, **more}, source="test")


@pytest.mark.parametrize(
    ("given", "configured", "variables", "place"),
    [
        ("/logs/a.jsonl", "/logs/b", SERVER, "/logs/a.jsonl"),
        ("elasticsearch://prod/logs-*", None, {}, "elasticsearch://prod/logs-*"),
        (None, "elasticsearch:///mine", SERVER, "elasticsearch:///mine"),
        (None, "logs", SERVER, str(ROOT / "logs")),
        (None, None, SERVER, "elasticsearch:///flywheel"),
        (None, None, {**SERVER, "ES_COLLECTION_NAME": "other"}, "elasticsearch:///other"),
        (None, None, {}, None),
    ],
)
def test_the_parameter_comes_before_the_config_and_the_config_before_the_environment(
    given: str | None, configured: str | None, variables: dict[str, str], place: str | None
) -> None:
    assert place_of_logs(given, config(logs=configured), "w", "c", variables) == place


@pytest.mark.parametrize(
    "logs", ["elasticsearch://", "elasticsearch://prod", "elasticsearch://prod/", "elasticsearch:///a b"]
)
def test_a_place_without_an_index_is_a_mistake_of_the_config(logs: str) -> None:
    with pytest.raises(ConfigError, match=r"logs.*does not name an index"):
        config(logs=logs)
    with pytest.raises(ConfigError, match=r"workloads\[0\].logs"):
        config(workloads=[{"workload_id": "w", "client_id": "c", "logs": logs}])


@pytest.mark.parametrize(
    ("connection", "settings"),
    [
        ({"host": "es.test"}, {"hosts": ["http://es.test:9200"]}),
        (
            {"host": "es.test", "port": 9201, "schema": "https", "login": "me", "password": "pw"},
            {"hosts": ["https://es.test:9201"], "basic_auth": ("me", "pw")},
        ),
        (
            {
                "host": "https://a.test, https://b.test:9243",
                "extra": '{"api_key": "k", "ca_certs": "/ca.pem"}',
            },
            {"hosts": ["https://a.test:443", "https://b.test:9243"], "api_key": "k", "ca_certs": "/ca.pem"},
        ),
    ],
)
def test_a_connection_has_hosts_and_credentials(connection: dict[str, Any], settings: dict[str, Any]) -> None:
    assert of_connection(Connection(conn_id="es", conn_type="elasticsearch", **connection)) == settings


def test_what_a_connection_lacks_or_misspells_is_named() -> None:
    with pytest.raises(FlywheelError, match="es has no host"):
        of_connection(Connection(conn_id="es", conn_type="elasticsearch"))
    with pytest.raises(FlywheelError, match=r"apikey.*Known: api_key"):
        of_connection(
            Connection(conn_id="es", conn_type="elasticsearch", host="h", extra='{"apikey": "secret"}')
        )


def test_the_environment_has_server_and_credentials() -> None:
    assert of_environment(SERVER) == {"hosts": ["http://es.test:9200"]}
    login = {"ELASTICSEARCH_USERNAME": "me", "ELASTICSEARCH_PASSWORD": "pw"}
    assert of_environment({**SERVER, **login})["basic_auth"] == ("me", "pw")
    assert of_environment({**SERVER, **login, "ELASTICSEARCH_API_KEY": "k"})["api_key"] == "k"
    with pytest.raises(FlywheelError, match="set ELASTICSEARCH_URL"):
        of_environment({})


def test_settings_that_make_no_sense_are_an_error_without_the_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = '{"conn_type": "elasticsearch", "host": "https://es.test", "password": "pw-1", "login": "me", "extra": %s}'
    monkeypatch.setenv("AIRFLOW_CONN_BAD", connection % f'{{"ca_certs": "{tmp_path}/none.pem"}}')
    with pytest.raises(FlywheelError, match="connection bad") as caught:
        connect("bad")
    assert "pw-1" not in str(caught.value)
