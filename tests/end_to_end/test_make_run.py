"""What a user runs: the command behind `make run`, with a real Airflow and the embedded platform, in a home of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from include.local_nemo.testing import running_platform
from include.sample_logs import CLIENT_ID, write_sample_logs
from include.sample_logs.records import DESK

ROOT = Path(__file__).resolve().parents[2]
#: Far more than any of these runs takes; a hanging one must not hang the suite.
SECONDS = 480

#: One candidate, its customization target's version and how long a training lasts left open.
CONFIG = """
llm_judge_config: {deployment_type: local, model_name: local/judge-lexical, gpus: 1}
nims:
  - model_name: local/student-m
    context_length: 16384
    customization_enabled: true
    customizer_configs: {target: "local/student-m@%s", gpus: 1, max_seq_length: 16384}
data_split_config: {eval_size: 30, limit: null}
icl_config: {max_context_length: 16384, max_examples: 2}
gpu_budget: 2
poll_interval: 1
embedded_platform: {gpus: 2, speed: fast, delays: {training_min: %s}}
"""


class Home:
    """A folder that runs leave their things in, and what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs.jsonl"
        write_sample_logs(self.logs, conversations=70)

    def start(self, target: str = "1.0", training_min: float = 0) -> subprocess.Popen[str]:
        config = self.folder / "config.yaml"
        config.write_text(CONFIG % (target, training_min))
        variables = {"LOGS": str(self.logs), "WORKLOAD": DESK, "CLIENT": CLIENT_ID, "CONFIG": str(config)}
        env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        env.pop("FLYWHEEL_CONFIG", None)
        return subprocess.Popen(
            [sys.executable, "-m", "commands.run"],
            cwd=ROOT,
            env={**env, **variables, "FLYWHEEL_HOME": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, **choices: Any) -> tuple[int, str]:
        running = self.start(**choices)
        output, _ = running.communicate(timeout=SECONDS)
        return running.returncode, output

    def left_running(self) -> list[str]:
        """Return the command lines of processes that work in this home."""
        lines = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            cmdline, environ = process.info["cmdline"] or [], process.info["environ"] or {}
            if process.pid != os.getpid() and (
                any(str(self.folder) in part for part in cmdline)
                or environ.get("FLYWHEEL_HOME") == str(self.folder)
            ):
                lines.append(" ".join(cmdline))
        return lines

    def on_the_platform(self) -> dict[str, Any]:
        """Start the platform again on what it kept; return its deployments and the states of its jobs."""
        [state] = self.folder.glob("run-config-*-1/platform")
        with running_platform(state_dir=state) as platform:
            deployments = requests.get(
                f"{platform.nemo_url}/v1/deployment/model-deployments", timeout=10
            ).json()
            jobs = requests.get(f"{platform.nemo_url}/v1/customization/jobs", timeout=10).json()
            return {
                "deployments": [d["name"] for d in deployments["data"]],
                "jobs": [job["status"] for job in jobs["data"]],
            }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("home"))
    yield home
    assert home.left_running() == []


def report_at_the_end_of(output: str) -> dict[str, Any]:
    last = Path(output.rstrip().splitlines()[-1])
    assert last.name == "report.json"
    assert last.with_name("report.md").read_text().startswith("# ")
    report: dict[str, Any] = json.loads(last.read_text())
    return report


def wait_for_training(running: subprocess.Popen[str]) -> None:
    """Read what a run prints until a training of it holds a GPU."""
    assert running.stdout is not None
    seen = []
    for line in running.stdout:
        seen.append(line)
        if re.search(r"training\s.*GPUs 1/2", line):
            return
    pytest.fail("".join(seen))


def test_an_interrupted_run_cancels_its_training_and_stops_everything(home: Home) -> None:
    running = home.start(training_min=300)
    wait_for_training(running)
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, rest
    assert home.left_running() == []
    assert home.on_the_platform() == {"deployments": [], "jobs": ["cancelled"]}


def test_a_run_whose_scheduler_dies_leaves_nothing_on_the_platform_and_ends_as_failed(home: Home) -> None:
    running = home.start(training_min=300)
    wait_for_training(running)
    [record] = home.folder.glob("run-config-*-1/processes.json")
    [scheduler] = [entry for entry in json.loads(record.read_text()) if entry["name"] == "scheduler"]
    os.kill(scheduler["pid"], signal.SIGKILL)
    rest, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 1, rest
    assert "scheduler stopped by itself" in rest
    assert "Nothing of it is left there" in rest
    assert home.left_running() == []
    assert home.on_the_platform() == {"deployments": [], "jobs": ["cancelled", "cancelled"]}


def test_a_run_after_an_interrupted_one_ends_with_a_report_that_adds_up(home: Home) -> None:
    code, output = home.run()
    assert code == 0, output
    report = report_at_the_end_of(output)
    records, [candidate] = report["records"], report["candidates"]
    assert report["schema_version"] == 1
    assert (report["workload_id"], report["workload_type"]) == (DESK, "tool_calling")
    assert records["kept"] + sum(records["set_aside"].values()) == records["exported"]
    assert records["train"] + records["validation"] + records["eval"] == records["kept"]
    assert candidate["status"] == "complete"
    assert candidate["errors"] == []
    assert candidate["gpu_seconds"] > 0
    assert candidate["customization"]["output_model"].endswith(candidate["customization"]["job_id"])
    assert candidate["customization"]["val_loss"] is not None
    scores = {name: e["scores"]["function_name"] for name, e in candidate["evaluations"].items()}
    assert {score["n"] for score in scores.values()} == {records["eval"]}
    assert scores["customized-eval"]["low"] > scores["base-eval"]["high"], "training must show"
    assert report["recommendation"]["reasons"]
    assert home.on_the_platform()["deployments"] == []


def test_a_candidate_whose_training_fails_is_named_and_evaluated_all_the_same(home: Home) -> None:
    code, output = home.run(target="no-such-version")
    assert code == 1, output
    [candidate] = report_at_the_end_of(output)["candidates"]
    assert candidate["status"] == "partial"
    assert any("no-such-version" in error for error in candidate["errors"]), candidate["errors"]
    states = {name: evaluation["status"] for name, evaluation in candidate["evaluations"].items()}
    assert states == {"base-eval": "complete", "icl-eval": "complete", "customized-eval": "failed"}
    assert "failed" in output
    assert "no-such-version" in output
    assert home.on_the_platform()["deployments"] == []
