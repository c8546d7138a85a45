"""The few calls of Airflow's REST API that the commands need."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from commands import loopback

#: States in which nothing more happens to a task or run by itself.
FINISHED = {"success", "failed", "skipped", "upstream_failed", "removed"}
LOGIN = "/auth/token"


class AirflowApiError(Exception):
    """A call of Airflow's API brought nothing."""


class AirflowRefusedError(AirflowApiError):
    """Airflow refused a call, in its own words; it has done nothing."""


class AirflowSilentError(AirflowApiError):
    """Airflow gave no answer, or said that it failed; what was asked of it may have happened."""


class AirflowApi:
    """A logged-in client of one Airflow on this machine."""

    def __init__(self, url: str, user: str, password: str, timeout: float = 30.0) -> None:
        self.url = url
        self.timeout = timeout
        self._credentials = {"username": user, "password": password}
        self.session = loopback.session()
        # On a busy machine an answer may be late, or SQLite locked; asking again for a state changes nothing, a POST is
        # never repeated.
        repeated = Retry(
            total=5, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), allowed_methods=("GET",)
        )
        self.session.mount("http://", HTTPAdapter(max_retries=repeated))
        self._log_in()

    def import_errors(self, since: datetime) -> list[dict[str, Any]]:
        """Return the files that could not be read as DAGs after a moment, with their errors."""
        errors = self._call("GET", "/api/v2/importErrors?limit=100")["import_errors"]
        return [error for error in errors if _moment(error["timestamp"]) >= since]

    def dag_is_read(self, dag_id: str, since: datetime) -> bool:
        """Tell whether the DAG processor has read this DAG after a moment: the database may remember an older text of it."""
        answer = self._send("GET", f"/api/v2/dags/{dag_id}")
        read = answer.json()["last_parsed_time"] if answer.ok else None
        return read is not None and _moment(read) >= since

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run. Raises AirflowApiError with the reason if a parameter is refused."""
        self._call(
            "POST",
            f"/api/v2/dags/{dag_id}/dagRuns",
            json={"dag_run_id": run_id, "logical_date": None, "conf": conf},
        )

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run: queued, running, success or failed."""
        return str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def unfinished_runs(self, dag_id: str = "~") -> list[tuple[str, str]]:
        """Return DAG id and run id of the runs that are queued or running, of one DAG or of all."""
        path = f"/api/v2/dags/{dag_id}/dagRuns?state=queued&state=running&limit=100"
        return [(run["dag_id"], run["dag_run_id"]) for run in self._call("GET", path)["dag_runs"]]

    def task_instances(self, dag_id: str, run_id: str, states: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the task instances of a run, of those states if any are given."""
        tasks: list[dict[str, Any]] = []
        wanted = "".join(f"&state={state}" for state in sorted(states))
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100&order_by=id{wanted}"
        while True:
            page = self._call("GET", f"{path}&offset={len(tasks)}")
            tasks += page["task_instances"]
            if len(tasks) >= page["total_entries"] or not page["task_instances"]:
                return tasks

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return what a task pushed, or None if it has pushed nothing."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true"
        answer = self._send("GET", path)
        return answer.json()["value"] if answer.ok else None

    def fail_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task failed: its remote job is cancelled and its teardown runs, which marking the run would not ensure."""
        self._call(
            "PATCH",
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}",
            json={"new_state": "failed"},
        )

    def _call(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        answer = self._send(method, path, **kwargs)
        if not answer.ok:
            kind = AirflowSilentError if answer.status_code >= 500 else AirflowRefusedError
            raise kind(
                f"Airflow answered {answer.status_code} to {method} {path.partition('?')[0]}: {_detail(answer)}"
            )
        body: dict[str, Any] = answer.json()
        return body

    def _send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        answer = self._ask(method, path, **kwargs)
        if answer.status_code == requests.codes.unauthorized and path != LOGIN:
            # A token lives for a day, a run may take longer. What was refused for it has not happened yet.
            self._log_in()
            answer = self._ask(method, path, **kwargs)
        return answer

    def _log_in(self) -> None:
        token = self._call("POST", LOGIN, json=self._credentials)["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def _ask(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        try:
            return self.session.request(method, self.url + path, timeout=self.timeout, **kwargs)
        except requests.RequestException as error:
            raise AirflowSilentError(
                f"Airflow at {self.url} gave no answer to {method} {path.partition('?')[0]}: {error}"
            ) from error


def _detail(answer: requests.Response) -> str:
    try:
        detail = answer.json().get("detail")
    except ValueError:
        return answer.text[:500]
    return detail if isinstance(detail, str) else str(detail)[:1000]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
