"""What is printed when a run has ended."""

import io
import json
from pathlib import Path

from rich.console import Console

from commands.summary import print_stage_times, print_summary


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
