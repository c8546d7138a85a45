"""What tests of the doctor and of preflight have in common."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flywheel_tasks.doctor import examine
from nemo_provider.checks import Finding, Status

CUSTOMIZED = {
    "model_name": "local/student-s",
    "context_length": 8192,
    "customization_enabled": True,
    "customizer_configs": {"target": "local/student-s@1.0", "gpus": 1},
}
UseConfig = Callable[..., None]
#: The addresses of a platform, all closed.
CLOSED = dict.fromkeys(("nemo_base_url", "nim_base_url", "datastore_base_url"), "http://127.0.0.1:9")


def found(*logs: str, **options: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(logs, **options)}


def here(*logs: str) -> dict[str, Finding]:
    """What is found without asking the platform."""
    return found(*logs, with_platform=False)


def problems(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.status is Status.PROBLEM]


def log_file(folder: Path) -> str:
    path = folder / "logs.jsonl"
    path.write_text(json.dumps({"client_id": "c"}) + "\n")
    return str(path)


def judge(url: str, **more: Any) -> dict[str, Any]:
    return {"llm_judge_config": {"deployment_type": "remote", "url": url, "model_name": "j", **more}}
