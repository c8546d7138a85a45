"""An Airflow connection, or the environment, turned into a client of Elasticsearch."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

from include.flywheel.errors import FlywheelError
from include.flywheel.logs.place import URL_VARIABLE

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from elasticsearch import Elasticsearch

#: What a connection's extra may hold, by the client's own names; `api_key` is a secret, which Airflow masks.
EXTRAS = ("api_key", "ca_certs", "verify_certs", "ssl_assert_fingerprint", "http_compress", "request_timeout")
DEFAULT_PORT = 9200


class ElasticsearchHook(BaseHook):
    """Give a client for an Airflow connection, or, without one, for the server that ELASTICSEARCH_URL names.

    The connection has the host (a URL, or several separated by commas, or a name with port and schema), login and password or
    an `api_key` in its extra, and there too `ca_certs`, `verify_certs`, `ssl_assert_fingerprint`, `http_compress` and
    `request_timeout`. (The hook of Airflow's own provider asks no connection.)
    """

    conn_name_attr = "elasticsearch_conn_id"
    default_conn_name = "elasticsearch_default"
    conn_type = "elasticsearch"
    hook_name = "Elasticsearch"

    def __init__(self, elasticsearch_conn_id: str = default_conn_name, **options: Any) -> None:
        """Remember which connection; `options` are further arguments of the client."""
        super().__init__()
        self.elasticsearch_conn_id = elasticsearch_conn_id
        self.options = options

    def get_conn(self) -> Elasticsearch:
        """Return a client, which has asked nothing yet. Raises FlywheelError when the settings make no sense."""
        from elasticsearch import Elasticsearch

        # It tells of every page that is read.
        logging.getLogger("elastic_transport").setLevel(logging.WARNING)
        if self.elasticsearch_conn_id:
            settings = of_connection(self.get_connection(self.elasticsearch_conn_id))
        else:
            settings = of_environment(os.environ)
        try:
            # Each try of a request is decided where it is asked: the client itself would repeat it without a pause.
            return Elasticsearch(**{"request_timeout": 60, **settings, "max_retries": 0, **self.options})
        except (ValueError, TypeError, OSError) as error:
            raise FlywheelError(
                f"The settings of Elasticsearch ({self._source()}) make no sense: {error}."
            ) from error

    def _source(self) -> str:
        return f"connection {self.elasticsearch_conn_id}" if self.elasticsearch_conn_id else URL_VARIABLE


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
    known = {"https": 443, "http": 80}.get(parts.scheme, DEFAULT_PORT) if "://" in host else DEFAULT_PORT
    return parts._replace(netloc=f"{parts.netloc}:{port or known}").geturl()
