"""Training data for candidates that cannot learn tools with many parameters: the common rows without those that show one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from include.flywheel.jsonl import line_writer, read_lines
from include.flywheel.manifest import FileSummary, LimitedTraining, dataset_name
from include.flywheel.sides_writer import FILES


def limit_training(folder: Path, limits: Sequence[int], workload_id: str) -> dict[int, LimitedTraining]:
    """Write what is trained and validated on under each limit below `folder`/parameters-<limit>/; return it by limit.

    `folder` holds what `build_datasets` wrote. A row is left out when it shows a tool with more parameters than the
    limit. A side without any row has no file.
    """
    return {limit: _limited(folder, limit, workload_id) for limit in limits}


def most_parameters(tools: Sequence[Mapping[str, Any]]) -> int:
    """Return how many parameters the largest of these tools takes, parts of a nested one not counted."""
    return max((len(_parameters(tool)) for tool in tools), default=0)


def _parameters(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tool's parameters by name; none where its schema is not one of an object."""
    schema = tool["function"].get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def _limited(folder: Path, limit: int, workload_id: str) -> LimitedTraining:
    target = folder / f"parameters-{limit}"
    rows, left_out, files = {}, 0, {}
    for side in ("train", "validation"):
        path = FILES[side]
        with line_writer(target / path, hashed=True) as out:
            for line in read_lines(folder / path):
                if most_parameters(orjson.loads(line).get("tools", ())) <= limit:
                    out.write(line)
                else:
                    left_out += 1
        rows[side] = out.rows
        if out.rows:
            files[path] = FileSummary.of(out)
    return LimitedTraining(
        name=dataset_name(workload_id, files),
        folder=target.name,
        train=rows["train"],
        validation=rows["validation"],
        left_out=left_out,
        files=files,
    )
