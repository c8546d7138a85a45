"""Where an evaluation's rows and answers come from: the target's model, the dataset files."""

import ssl
from functools import cache

import httpx

from include.local_nemo.datastore import NotFound, parse_hf_url
from include.local_nemo.entities import DATASETS, MODELS
from include.local_nemo.evaluation_calls import EvaluationFailed
from include.local_nemo.evaluation_plan import DATA, TaskPlan
from include.local_nemo.evaluation_rows import GivenRows, Rows, RowsProblem
from include.local_nemo.platform import Platform
from include.local_nemo.wire import Document


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than a hundred requests to a student.
    return httpx.create_ssl_context()


def model_client(platform: Platform) -> httpx.Client:
    """Return a client for the models of one evaluation; a proxy of the environment is not asked for this machine."""
    here: dict[str, httpx.BaseTransport | None] = dict.fromkeys(
        (f"all://{platform.settings.host}", "all://127.0.0.1", "all://localhost")
    )
    return httpx.Client(verify=_tls(), mounts=here, limits=httpx.Limits(max_connections=None))


def find_model(platform: Platform, target: Document) -> object:
    """Return what is asked: a name on the NIM, or an `api_endpoint`, the target's own or that of a named model entity."""
    model = target.get("model")
    if isinstance(model, str):
        entity = platform.store.get(MODELS.kind, model)
        if entity and entity.get("api_endpoint"):
            return entity
    return model


def task_rows(platform: Platform, task: TaskPlan, target: Document) -> Rows | GivenRows:
    """Return the rows of a task: the target's own for a data task, else those of the task's dataset file.

    Raises EvaluationFailed when the dataset or file is not there, not readable or empty.
    """
    if task.kind == DATA and target["type"] == "rows":
        return GivenRows(target["rows"][: task.limit])
    dataset = target["dataset"] if task.kind == DATA else task.dataset
    limit = task.limit
    if isinstance(dataset, str) and not dataset.startswith("hf://"):
        entity = platform.store.get(DATASETS.kind, dataset)
        if entity is None:
            raise EvaluationFailed(f"task {task.name}: dataset {dataset} not found")
        dataset = entity
    url = dataset if isinstance(dataset, str) else str((dataset or {}).get("files_url"))
    try:
        place = parse_hf_url(url)
        path = place.path or _only_file(
            platform.datastore.list_files(place.repo_type, place.repo, place.revision), url
        )
        content = platform.datastore.local_path(place.repo_type, place.repo, path, place.revision)
        rows = Rows(content, path, limit)
    except (NotFound, RowsProblem, ValueError) as error:
        raise EvaluationFailed(f"task {task.name}: dataset {url}: {error}") from error
    if not len(rows):
        raise EvaluationFailed(f"task {task.name}: dataset {url} has no rows")
    return rows


def _only_file(files: list[str], url: str) -> str:
    data = [path for path in files if path.endswith((".jsonl", ".json", ".csv"))]
    if len(data) != 1:
        raise RowsProblem(f"name one of the {len(data)} data files of {url}")
    return data[0]
