"""A client of Elasticsearch, made from the environment or from an Airflow connection."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.flywheel.errors import FlywheelError
from include.flywheel.logs.place import URL_VARIABLE

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from elasticsearch import Elasticsearch

#: What a connection's extra may hold, by the client's own names; `api_key` is a secret, which Airflow masks.
EXTRAS = ("api_key", "ca_certs", "verify_certs", "ssl_assert_fingerprint", "http_compress", "request_timeout")
#: Elasticsearch's own, for hosts that are only names, and those of URLs.
DEFAULT_PORT, PORTS = 9200, {"https": 443, "http": 80}


def connect(conn_id: str, **options: Any) -> Elasticsearch:
    """Return a client for an Airflow connection, or, for "", for the server of the environment; `options` are arguments of it.

    Raises FlywheelError when the connection or the variables make no sense. Airflow is imported only for a connection.
    """
    if not conn_id:
        return make_client(of_environment(os.environ), URL_VARIABLE, options)
    from flywheel_tasks.elasticsearch_hook import ElasticsearchHook

    return ElasticsearchHook(conn_id, **options).get_conn()


def make_client(settings: dict[str, Any], source: str, options: dict[str, Any]) -> Elasticsearch:
    """Return a client, which has asked nothing yet. Raises FlywheelError naming the source of settings that make no sense."""
    from elasticsearch import Elasticsearch

    authorities = settings.get("ca_certs")
    if authorities and not Path(authorities).is_file():
        raise FlywheelError(f"The CA file {authorities} in {source} is not there.")
    # It tells of every page that is read.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    try:
        # Whoever asks decides about further tries: the client itself would repeat a request without a pause.
        return Elasticsearch(**{"request_timeout": 60, **settings, "max_retries": 0, **options})
    except (ValueError, TypeError, OSError) as error:
        raise FlywheelError(f"The settings of Elasticsearch in {source} make no sense: {error}.") from error


def of_connection(connection: Connection) -> dict[str, Any]:
    """Return the client's arguments that a connection means. Raises FlywheelError naming what is wrong."""
    name = f"The connection {connection.conn_id}"
    extra = connection.extra_dejson
    unknown = sorted(set(extra) - set(EXTRAS))
    if unknown:
        raise FlywheelError(
            f"{name} has an extra that is not known: {', '.join(unknown)}. Known: {', '.join(EXTRAS)}"
        )
    if not connection.host:
        raise FlywheelError(f"{name} has no host. Give the server's URL, such as https://logs.test:9200")
    hosts = [
        _with_port(host.strip(), connection.schema or "http", connection.port)
        for host in connection.host.split(",")
    ]
    settings = {"hosts": hosts, **extra}
    if connection.login:
        settings["basic_auth"] = (connection.login, connection.password or "")
    return settings


def of_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the client's arguments that the environment means. Raises FlywheelError when no server is named."""
    url = variables.get(URL_VARIABLE)
    if not url:
        raise FlywheelError(
            f"No Elasticsearch server is named: set {URL_VARIABLE}, or name an Airflow connection: elasticsearch://<connection>/<index>"
        )
    settings: dict[str, Any] = {"hosts": [_with_port(host.strip(), "http", None) for host in url.split(",")]}
    if variables.get("ELASTICSEARCH_API_KEY"):
        settings["api_key"] = variables["ELASTICSEARCH_API_KEY"]
    elif variables.get("ELASTICSEARCH_USERNAME"):
        settings["basic_auth"] = (
            variables["ELASTICSEARCH_USERNAME"],
            variables.get("ELASTICSEARCH_PASSWORD", ""),
        )
    if variables.get("ELASTICSEARCH_CA_CERTS"):
        settings["ca_certs"] = variables["ELASTICSEARCH_CA_CERTS"]
    return settings


def _with_port(host: str, scheme: str, port: int | None) -> str:
    """Return a host as the URL that the client insists on: with scheme and port."""
    url = host if "://" in host else f"{scheme}://{host}"
    parts = urlsplit(url)
    if parts.port:
        return url
    known = PORTS.get(parts.scheme, DEFAULT_PORT) if "://" in host else DEFAULT_PORT
    return parts._replace(netloc=f"{parts.netloc}:{port or known}").geturl()
