"""The platform as a process: how it starts, what it says, how it ends, and what a kill leaves."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from include.local_nemo.platform import Platform
from include.local_nemo.settings import Settings
from include.local_nemo.testing import wait_until

COMMAND = [sys.executable, "-m", "include.local_nemo"]
ROOT = Path(__file__).parents[2]
FREE_PORTS = ["--nemo-port", "0", "--nim-port", "0", "--datastore-port", "0"]
START_SECONDS = 60.0
STOP_SECONDS = 10.0
"""Two, on a machine that has nothing else to do; without a bound on open connections it would be forever."""
LONG = "3600"
MODEL = "local/student-s"


def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; for calls that end by themselves."""
    command = [*COMMAND, *map(str, options)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=START_SECONDS, check=False
    )


@contextmanager
def process(state: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, httpx.Client]]]:
    """Run the platform until the end of the block, with a client for each port; kill it there if it still lives."""
    command = [*COMMAND, *FREE_PORTS, "--state-dir", str(state), "--speed", "fast", *options]
    started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        lines = [started.stdout.readline() for _ in range(3)]
        ports = json.loads((state / "ports.json").read_text())
        for line, port in zip(lines, ports.values(), strict=True):
            assert line.strip().endswith(f"http://127.0.0.1:{port}"), lines
        clients = {name: httpx.Client(base_url=f"http://127.0.0.1:{port}") for name, port in ports.items()}
        yield started, clients
        for client in clients.values():
            client.close()
    finally:
        started.kill()
        started.communicate()


def test_help_names_every_delay() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "--delay" in done.stdout
    assert "adapter_refresh" in done.stdout


def test_what_cannot_be_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = run("--state-dir", tmp_path, "--nemo-port", "0", "--nim-port", str(port))
    assert busy.returncode == 2
    assert len(busy.stderr.splitlines()) == 1
    assert f"The nim service cannot listen on 127.0.0.1:{port} (Address already in use)" in busy.stderr

    other = Platform(Settings(state_dir=tmp_path))
    shared = run("--state-dir", tmp_path, *FREE_PORTS)
    other.stop()
    assert shared.returncode == 2
    assert f"Another platform is using {tmp_path}" in shared.stderr

    unknown = run("--state-dir", tmp_path, "--delay", "lunch=3")
    assert unknown.returncode == 2
    assert "--delay lunch: the delays are job_start" in unknown.stderr


def test_a_signal_ends_the_process_cleanly_and_soon(tmp_path: Path) -> None:
    with process(tmp_path, "--delay", f"image_pull={LONG}") as (started, clients):
        # Work in the background and a connection that stays open must not hold the end up.
        deploy(clients["nemo"], "waits")
        end(started, signal.SIGTERM)


def test_a_kill_loses_nothing_and_work_goes_on_after_the_next_start(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"question {n}"},
                {"role": "assistant", "content": f"answer {n}"},
            ]
        }
        for n in range(8)
    ]
    training = "".join(json.dumps(row) + "\n" for row in rows)
    with process(tmp_path, "--delay", f"image_pull={LONG}", "--delay", f"training_min={LONG}") as (
        started,
        clients,
    ):
        nemo, data_store = clients["nemo"], clients["data_store"]
        nemo.post("/v1/namespaces", json={"id": "shop"}).raise_for_status()
        data_store.post("/v1/datastore/namespaces", json={"namespace": "shop"}).raise_for_status()
        repo = {"name": "logs", "organization": "shop", "type": "dataset"}
        data_store.post("/v1/hf/api/repos/create", json=repo).raise_for_status()
        sha = upload(data_store, "training/train.jsonl", training)
        deploy(nemo, "nim")
        job = customize(nemo)
        wait_until(lambda: read_job(nemo, job)["status"] == "running", START_SECONDS)
        kill(started)

    with process(tmp_path) as (started, clients):
        nemo, data_store = clients["nemo"], clients["data_store"]
        assert nemo.get("/v1/namespaces/shop").status_code == 200
        assert data_store.get("/v1/datastore/namespaces/shop").status_code == 201
        assert data_store.get("/v1/hf/api/datasets/shop/logs").json()["sha"] == sha
        read = data_store.get("/v1/hf/datasets/shop/logs/resolve/main/training/train.jsonl")
        assert read.text == training
        wait_until(lambda: deployment_status(nemo, "nim") == "ready")
        wait_until(lambda: read_job(nemo, job)["status"] == "completed", START_SECONDS)
        model = nemo.get(f"/v1/models/{read_job(nemo, job)['output_model']}").json()
        assert model["artifact"]["status"] == "upload_completed"
        kill(started)

    with process(tmp_path, "--gpus", "1") as (started, clients):
        nemo = clients["nemo"]
        assert deployment_status(nemo, "nim") == "ready"
        assert read_job(nemo, job)["status"] == "completed"
        # What was ready holds its GPU before anything new can ask for it.
        assert nemo.get("/local/cluster").json()["in_use"] == 1
        deploy(nemo, "later")
        assert deployment_status(nemo, "later") == "pending"
        nemo.delete("/v1/deployment/model-deployments/shop/nim").raise_for_status()
        wait_until(lambda: deployment_status(nemo, "later") == "ready")
        end(started, signal.SIGINT)


def end(started: subprocess.Popen[str], by: signal.Signals) -> None:
    asked = time.monotonic()
    started.send_signal(by)
    assert started.wait(START_SECONDS) == 0
    assert time.monotonic() - asked < STOP_SECONDS


def kill(started: subprocess.Popen[str]) -> None:
    started.kill()
    assert started.wait(START_SECONDS) == -signal.SIGKILL


def deploy(nemo: httpx.Client, name: str) -> None:
    nim = {"gpu": 1, "image_name": f"nvcr.io/nim/{MODEL}", "image_tag": "1"}
    body = {"name": name, "namespace": "shop", "config": {"model": MODEL, "nim_deployment": nim}}
    nemo.post("/v1/deployment/model-deployments", json=body).raise_for_status()


def deployment_status(nemo: httpx.Client, name: str) -> str:
    answer = nemo.get(f"/v1/deployment/model-deployments/shop/{name}").json()
    return str(answer["status_details"]["status"])


def upload(data_store: httpx.Client, path: str, content: str) -> str:
    lines = [
        {"key": "header", "value": {"summary": "logs"}},
        {"key": "file", "value": {"path": path, "encoding": "utf-8", "content": content}},
    ]
    answer = data_store.post(
        "/v1/hf/api/datasets/shop/logs/commit/main", content="\n".join(json.dumps(line) for line in lines)
    )
    return str(answer.raise_for_status().json()["commitOid"])


def customize(nemo: httpx.Client) -> str:
    option = {"training_type": "sft", "finetuning_type": "lora", "num_gpus": 1, "micro_batch_size": 1}
    config = {"name": "c@v1", "namespace": "shop", "target": f"{MODEL}@1.0", "max_seq_length": 4096}
    nemo.post("/v1/customization/configs", json={**config, "training_options": [option]}).raise_for_status()
    body = {
        "config": "shop/c@v1",
        "dataset": "shop/logs",
        "output_model": "shop/tuned",
        "hyperparameters": {"training_type": "sft", "finetuning_type": "lora", "epochs": 1, "batch_size": 4},
    }
    return str(nemo.post("/v1/customization/jobs", json=body).raise_for_status().json()["id"])


def read_job(nemo: httpx.Client, job: str) -> dict[str, str]:
    answer: dict[str, str] = nemo.get(f"/v1/customization/jobs/{job}").json()
    return answer
