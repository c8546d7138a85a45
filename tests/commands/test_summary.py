"""What is printed when a run has ended."""

import io
import json
from pathlib import Path

from rich.console import Console

from commands.settings import LOCAL_CONFIG, read_config
from commands.stack import Stack
from commands.summary import print_failures, print_stage_times, print_summary
from include.flywheel.config import load_config


def printed(show: object, *arguments: object) -> str:
    out = io.StringIO()
    show(Console(file=out, width=120), *arguments)  # type: ignore[operator]
    return out.getvalue()


def test_names_from_the_logs_are_printed_as_they_are(tmp_path: Path) -> None:
    score = {"value": 0.5, "low": 0.25, "high": 0.75}
    report = {
        "workload_id": "desk [red]one[/red]",
        "workload_type": "tool_calling",
        "records": {"eval": 20},
        "candidates": [
            {
                "model": "org/[b]m",
                "status": "partial",
                "gpu_seconds": 12.4,
                "evaluations": {
                    "base-eval": {"scores": {"function_name": score}},
                    "icl-eval": {"scores": {}},
                    "customized-eval": {},
                },
            },
            {"model": "org/n", "status": "failed", "gpu_seconds": 0, "evaluations": {}},
        ],
        "recommendation": {"verdict": "cannot_tell", "reasons": ["[i]why[/i]"]},
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    text = printed(print_summary, path)
    assert "desk [red]one[/red] (tool_calling): 20 eval records" in text
    assert "org/[b]m" in text
    assert "0.50 (0.25–0.75)" in text
    assert "failed" in text
    assert "CANNOT TELL\n[i]why[/i]" in text


def test_stages_that_were_not_reached_took_no_time() -> None:
    def task(task_id: str, state: str, seconds: int) -> dict[str, str]:
        times = [f"2026-11-25T12:00:{second:02}Z" for second in (0, seconds)]
        return {"task_id": task_id, "state": state, "start_date": times[0], "end_date": times[1]}

    tasks = [
        task("export_logs", "success", 3),
        task("build_datasets", "failed", 7),
        task("s.wait_customization", "upstream_failed", 9),
        task("s.deploy", "skipped", 9),
    ]
    assert printed(print_stage_times, tasks, 12.0) == (
        "12 s in all; from first start to last end (they overlap): data 7 s\n"
    )


def test_who_could_not_reach_a_real_platform_is_sent_to_the_doctor(tmp_path: Path) -> None:
    real = tmp_path / "config.yaml"
    real.write_text(
        "nims: [{model_name: a/b, context_length: 8192}]\nicl_config: {max_context_length: 8192}\n"
    )
    error = {"exc_type": "NemoAuthError", "exc_value": "no"}
    logs = tmp_path / "airflow" / "logs" / "dag_id=d" / "run_id=r" / "task_id=s.deploy"
    logs.mkdir(parents=True)
    (logs / "attempt=1.log").write_text(json.dumps({"event": "Task failed", "error_detail": [error]}))
    stack = Stack(tmp_path, real, load_config(real))

    def said(task_id: str, stack: Stack = stack) -> str:
        return printed(print_failures, [{"task_id": task_id, "dag_id": "d", "state": "failed"}], stack, "r")

    assert f"make doctor CONFIG={real}" in said("s.deploy")
    assert f"make doctor CONFIG={real}" in said("preflight")
    assert "make doctor" not in said("build_datasets")
    local = Stack(tmp_path, LOCAL_CONFIG, read_config("")[1])
    assert "make doctor" not in said("preflight", local)
