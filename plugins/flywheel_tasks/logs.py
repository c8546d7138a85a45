"""Where a run's records come from: files, or an index of Elasticsearch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flywheel_tasks.settings import flywheel_config, storage_path
from include.flywheel.logs.place import IndexPlace, index_place, logs_of_environment
from include.flywheel.records import Window

if TYPE_CHECKING:
    from include.flywheel.config import FlywheelConfig
    from include.flywheel.logs.elasticsearch import ElasticsearchLogs
    from include.flywheel.logs.source import LogSource
    from include.flywheel.logs.spans import Span


def place_of_logs(
    given: str | None, config: FlywheelConfig, workload_id: str, client_id: str, variables: Mapping[str, str]
) -> str | None:
    """Return where a run's logs are: where its parameter says, else the config, else the environment; None if none does.

    Raises ConfigError when it names neither a file nor an index.
    """
    logs = given or config.logs_for(workload_id, client_id) or logs_of_environment(variables)
    return logs if not logs or index_place(logs) else str(storage_path(logs))


def log_source(logs: str, whole: Window, span: Span) -> LogSource:
    """Return the source of a run's records: of `span` in files, of slices of the window `whole` in an index."""
    place = index_place(logs)
    if place:
        return index_logs(place, whole)
    from include.flywheel.logs.files import FileLogs

    return FileLogs(storage_path(logs), span)


def index_logs(place: IndexPlace, whole: Window) -> ElasticsearchLogs:
    """Return the logs in an index. Raises FlywheelError when the server's connection is not there or makes no sense."""
    from flywheel_tasks.log_server import ElasticsearchServer
    from include.flywheel.logs.elasticsearch import ElasticsearchLogs

    server = ElasticsearchServer.of_connection(place.conn_id)
    page_size = flywheel_config().elasticsearch_config.page_size
    return ElasticsearchLogs(server, place.index, page_size=page_size, whole=whole)
