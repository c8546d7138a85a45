"""What the NIM proxy serves at this moment: deployed models, and the adapters of those that have any."""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.local_nemo.datastore import NotFound, parse_hf_url
from include.local_nemo.platform import Platform
from include.local_nemo.rollout import ready_models
from include.local_nemo.wire import Document

if TYPE_CHECKING:
    from include.local_nemo.students import Student, StudentSpec

log = logging.getLogger(__name__)

UPLOADS = "adapter upload"
"""Kind of the documents that keep when a trained adapter was uploaded, by the name of its model.

Kept apart from the model's entity, which clients may change: an adapter that is listed stays listed.
"""
CACHED_STUDENTS = 16
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Served:
    """One model of the proxy's list; an adapter has the name of its base model in `parent`."""

    name: str
    spec: "StudentSpec"
    created: int
    root: str
    parent: str | None = None

    def as_json(self) -> Document:
        """Return the item of `GET /v1/models`."""
        permission = {
            "id": f"modelperm-{self.name}",
            "object": "model_permission",
            "created": self.created,
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }
        return {
            "id": self.name,
            "object": "model",
            "created": self.created,
            "owned_by": "system",
            "root": self.root,
            "parent": self.parent,
            "max_model_len": self.spec.context_size if self.parent is None else None,
            "permission": [permission],
        }


class UnusableAdapter(Exception):  # noqa: N818
    """An adapter is listed but its files cannot be used; says why."""


class ServedModels:
    """Look models up by name and keep the students behind them loaded. Safe to use from several threads."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._students: OrderedDict[tuple[str, str], Student] = OrderedDict()
        self._lock = threading.Lock()

    def all(self) -> dict[str, Served]:
        """Return what is served now by model name: the deployed models, each followed by its adapters."""
        deployed: dict[str, Served] = {}
        for model, deployment in ready_models(self._platform).items():
            spec = self._platform.student_for(model)
            if spec is not None:
                deployed[model] = Served(model, spec, _epoch(deployment.get("created_at")), model)
        adapters = [
            adapter
            for entity in self._platform.store.all("model")
            if (adapter := self._adapter(entity, deployed)) is not None
        ]
        found: dict[str, Served] = {}
        for name, served in deployed.items():
            found[name] = served
            found.update({adapter.name: adapter for adapter in adapters if adapter.parent == name})
        return found

    def student(self, served: Served) -> "Student":
        """Return the student that answers for a served model, loaded once per adapter revision.

        Raises:
            UnusableAdapter: its files are missing or damaged.
        """
        from include.local_nemo.students import AdapterError, Student, read_adapter

        key = (served.name, served.root)
        with self._lock:
            student = self._students.get(key)
            if student is not None:
                self._students.move_to_end(key)
                return student
        adapter = None
        if served.parent is not None:
            try:
                where = parse_hf_url(served.root)
                read = self._platform.datastore.read
                files = {name: read("model", where.repo, name, where.revision) for name in ADAPTER_FILES}
                adapter = read_adapter(files, served.spec)
            except (NotFound, ValueError, AdapterError) as error:
                raise UnusableAdapter(f"adapter {served.name} cannot be loaded: {error}") from error
            log.info("Loaded adapter %s", served.name)
        student = Student(served.spec, adapter)
        with self._lock:
            self._students[key] = student
            while len(self._students) > CACHED_STUDENTS:
                self._students.popitem(last=False)
        return student

    def _adapter(self, entity: Document, deployed: dict[str, Served]) -> Served | None:
        artifact, base = entity.get("artifact") or {}, entity.get("base_model")
        if not isinstance(base, str) or base not in deployed:
            return None
        if not entity.get("peft") or artifact.get("status") != "upload_completed":
            return None
        root = str(artifact.get("files_url"))
        name = f"{entity['namespace']}/{entity['name']}"
        upload = self._platform.store.get(UPLOADS, name)
        uploaded = upload["uploaded"] if upload else _seconds(entity.get("created_at"))
        if self._platform.clock() < uploaded + self._platform.settings.adapter_refresh:
            return None
        parent = deployed[base]
        return Served(name, parent.spec, _epoch(entity.get("created_at")), root, base)


def _seconds(text: object) -> float:
    """Return the seconds since the epoch of a time as the services write it, UTC with or without a zone."""
    try:
        moment = datetime.fromisoformat(str(text).removesuffix("Z")[:26])
    except ValueError:
        return 0.0
    return moment.replace(tzinfo=UTC).timestamp()


def _epoch(text: object) -> int:
    return int(_seconds(text))
