"""The Airflow connection of an Elasticsearch server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from flywheel_tasks.elasticsearch_client import make_client, of_connection

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch


class ElasticsearchHook(BaseHook):
    """Give a client for a connection. (The hook of Airflow's own provider asks no connection.)

    The connection has the host (a URL, or several separated by commas, or a name with port and schema), login and password or
    an `api_key` in its extra, and there too `ca_certs`, `verify_certs`, `ssl_assert_fingerprint`, `http_compress` and
    `request_timeout`.
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
        """Return a client, which has asked nothing yet. Raises FlywheelError when the connection makes no sense."""
        connection = self.get_connection(self.elasticsearch_conn_id)
        return make_client(of_connection(connection), f"connection {connection.conn_id}", self.options)
