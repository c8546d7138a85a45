"""The tasks of an export, one after the other."""

from typing import Any

from flywheel_tasks import data


def whole_export(run: Any) -> dict[str, Any]:
    """Plan the parts of an export, export each, and sum them up."""
    parts = [data.export_part.function(run, part) for part in data.plan_export.function(run)]
    return data.export_logs.function(run, parts)
