"""One job, one name: how a retry recognises what an earlier try made, job or deployment. Pure functions.

A *key* says what a job is for (which run, workload, model and stage; never which try). A *fingerprint* says what
exactly was asked, an *owner* which DAG run asked. All travel with the job, in ``custom_fields`` and, for releases before
25.10 that drop those, as a mark of digests in the description: ``[job 1f… request 9c… run 07…]``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from nemo_provider.reading import mapping, text
from nemo_provider.references import is_reference
from nemo_provider.states import is_active, word

#: Fields that say who asked, not what was asked.
_NOT_THE_REQUEST = frozenset({"custom_fields", "description", "ownership", "name"})
_MARK = re.compile(r"\[job ([0-9a-f]{20}) request ([0-9a-f]{20})(?: run ([0-9a-f]{20}))?\]")
#: Fields of a thing's owner, see `mark`.
DAG_ID, RUN_ID, INSTALLATION = "airflow_dag_id", "airflow_run_id", "airflow_installation"

Job = dict[str, Any]


class Plan(NamedTuple):
    """Say what to do instead of, or before, submitting."""

    action: Literal["attach", "reuse", "submit"]
    job: Job | None
    #: Unfinished jobs under the same key that asked for something else: nobody waits for them any more.
    superseded: list[Job]
    #: All jobs under the key, as found before submitting.
    known: list[Job]


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return 20 hex digits that change when the request does. Secret references count as they are written."""
    asked = {key: value for key, value in body.items() if key not in _NOT_THE_REQUEST and value is not None}
    return _digest(json.dumps(asked, sort_keys=True, separators=(",", ":"), default=str))


def mark(body: Mapping[str, Any], key: str, owner: Mapping[str, str]) -> Job:
    """Return the body with key, fingerprint and owner in ``custom_fields`` and in the description.

    ``owner`` is e.g. ``{"airflow_dag_id": "d", "airflow_run_id": "r", "airflow_task_id": "t"}``.
    """
    request = fingerprint(body)
    fields = {**(body.get("custom_fields") or {}), **owner, "job_key": key, "job_fingerprint": request}
    run = f" run {_run_digest(owner[DAG_ID], owner[RUN_ID])}" if DAG_ID in owner and RUN_ID in owner else ""
    description = f"{body.get('description') or ''} [job {_digest(key)} request {request}{run}]".strip()
    return {**body, "custom_fields": fields, "description": description}


def plan(jobs: list[Job], request: str) -> Plan:
    """Decide between attaching to an active job, reusing a completed one and submitting.

    ``jobs`` are those under one key, newest first. Failed and cancelled ones are no reason not to submit anew.
    """
    active = [job for job in jobs if is_active(job.get("status"))]
    superseded = [job for job in active if request_of(job) != request]
    for job in active:
        if request_of(job) == request:
            return Plan("attach", job, superseded, jobs)
    for job in jobs:
        if word(job.get("status")) == "completed" and request_of(job) == request:
            return Plan("reuse", job, superseded, jobs)
    return Plan("submit", None, superseded, jobs)


def is_under(job: Mapping[str, Any], key: str) -> bool:
    """Say whether something was made under this key. What carries no mark never was."""
    if owner := owner_of(job):
        return owner == key
    found = _mark_of(job)
    return found is not None and found[1] == _digest(key)


def is_of_run(job: Mapping[str, Any], dag_id: str, run_id: str, installation: str | None = None) -> bool:
    """Say whether something was made by this DAG run: of the installation, if both that and the thing's are known."""
    fields = mapping(job.get("custom_fields"))
    if DAG_ID in fields and RUN_ID in fields:
        theirs = fields.get(INSTALLATION)
        return (fields[DAG_ID], fields[RUN_ID]) == (dag_id, run_id) and (
            installation is None or theirs in (None, installation)
        )
    found = _mark_of(job)
    return found is not None and found[3] == _run_digest(dag_id, run_id)


def run_of(job: Mapping[str, Any], installation: str) -> tuple[str, str] | None:
    """Return DAG id and run id of the run of this installation that made something; None for anything else, and unmarked things."""
    fields = mapping(job.get("custom_fields"))
    if fields.get(INSTALLATION) != installation:
        return None
    dag_id, run_id = text(fields.get(DAG_ID)), text(fields.get(RUN_ID))
    return (dag_id, run_id) if dag_id and run_id else None


def request_of(job: Mapping[str, Any]) -> str | None:
    """Return the fingerprint that something was asked for with, or None if it carries none."""
    found = _mark_of(job)
    return text(mapping(job.get("custom_fields")).get("job_fingerprint")) or (found[2] if found else None)


def differences(asked: Any, found: Any, path: str = "") -> list[str]:
    """Return the dotted names of what was asked for and is not so; what the platform adds does not count.

    A reference (``namespace/name``) equals the object that it resolves to.
    """
    if isinstance(asked, Mapping) and isinstance(found, Mapping):
        return [
            difference
            for key, value in asked.items()
            for difference in differences(value, found.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(asked, (list, tuple)) and isinstance(found, list) and len(asked) == len(found):
        return [
            d
            for i, pair in enumerate(zip(asked, found, strict=True))
            for d in differences(*pair, f"{path}[{i}]")
        ]
    if isinstance(asked, str) and isinstance(found, Mapping):
        # A name alone is in the namespace "default".
        asked = asked if "/" in asked else f"default/{asked}"
        found = f"{found.get('namespace') or 'default'}/{found.get('name')}"
    # What a secret reference stands for is not known here, and never shown there.
    return [] if asked is None or asked == found or is_reference(asked) else [path]


def owner_of(job: Mapping[str, Any]) -> str | None:
    """Return the key under which something was made, or None if its fields do not say."""
    return text(mapping(job.get("custom_fields")).get("job_key"))


def _mark_of(job: Mapping[str, Any]) -> re.Match[str] | None:
    return _MARK.search(text(job.get("description")) or "")


def _run_digest(dag_id: str, run_id: str) -> str:
    return _digest(f"{dag_id}/{run_id}")


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:20]
