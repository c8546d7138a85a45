"""The local embedding model: where it stands in the DAG, and the examples that are chosen by it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from flywheel_tasks import data, embedding
from flywheel_tasks.settings import flywheel_config
from include.flywheel.errors import FlywheelError
from include.flywheel.vector_cache import text_key
from include.local_nemo.platform import Platform
from include.local_nemo.testing import running_platform, wait_until
from nemo_provider.hooks.nim import NimHook
from tests.dags.exports import whole_export
from tests.flywheel.samples import CLIENT, WORKLOAD, text_record, write_logs
from tests.nemo_provider.embedding_server import embedding_server
from tests.nemo_provider.support import Tenant, context, deployment

MODEL = "local/embed-hash"


def semantic(nim_url: str = "http://nim.test", **embedding: Any) -> dict[str, Any]:
    """Return a config whose examples are chosen by similarity."""
    return {
        "nmp_config": {"nim_base_url": nim_url},
        "nims": [{"model_name": "a/b", "context_length": 8192}],
        "data_split_config": {"eval_size": 10, "min_total_records": 0},
        "icl_config": {
            "example_selection": "semantic_similarity",
            "similarity_config": {
                "relevance_ratio": 1.0,
                "embedding_nim_config": {"model_name": MODEL, "gpus": 1, "tag": "1.0", **embedding},
            },
        },
        "llm_judge_config": {"model_name": "local/judge-lexical", "deployment_type": "local", "gpus": 1},
    }


def upstream_of(dag: DAG, task_id: str) -> set[str]:
    return dag.get_task(task_id).get_flat_relative_ids(upstream=True)


def test_a_local_embedding_model_is_up_only_while_examples_are_chosen(dag_of: Any) -> None:
    dag = dag_of(semantic())
    assert dag.get_task("embedding.deploy").is_setup
    assert dag.get_task("embedding.release").is_teardown
    assert dag.get_task("embedding.deploy").upstream_task_ids == {"build_datasets"}
    assert {"embedding.wait_ready", "embedding.wait_model"} <= upstream_of(dag, "add_examples")
    assert {"add_examples", "embedding.deploy"} <= dag.get_task("embedding.release").upstream_task_ids


def test_nothing_else_takes_gpus_before_the_embedding_model_is_released(dag_of: Any) -> None:
    dag = dag_of(semantic())
    for task_id in ("a-b.plan", "a-b.deploy", "judge.deploy"):
        assert "embedding.release" in upstream_of(dag, task_id)


def test_the_run_is_judged_after_the_embedding_model_is_released(dag_of: Any) -> None:
    dag = dag_of(semantic())
    assert "embedding.release" in upstream_of(dag, "close_run")
    assert "embedding.release" in upstream_of(dag, "release_run")


@pytest.mark.parametrize(
    "config",
    [
        semantic(deployment_type="remote", url="http://e.test/v1/embeddings"),
        {**semantic(), "evaluation_config": {"icl": False}},
        {**semantic(), "icl_config": {}},
    ],
)
def test_no_embedding_model_is_deployed_where_none_is_needed(dag_of: Any, config: dict[str, Any]) -> None:
    assert [task_id for task_id in dag_of(config).task_ids if task_id.startswith("embedding")] == []


def test_a_named_key_that_is_missing_stops_the_run_and_a_usual_one_does_not(use: Any) -> None:
    named = {"deployment_type": "remote", "url": "http://e.test/v1/embeddings", "api_key_env": "MY_KEY"}
    use(semantic(**named))
    config = flywheel_config().embedding
    assert config is not None
    with pytest.raises(FlywheelError, match="MY_KEY"):
        embedding.embedding_key(config, {"EMB_API_KEY": "x"})
    assert embedding.embedding_key(config, {"MY_KEY": "x"}) == "x"
    use(semantic(**{**named, "api_key_env": None}))
    config = flywheel_config().embedding
    assert config is not None
    assert embedding.embedding_key(config, {}) is None
    assert embedding.embedding_key(config, {"NVIDIA_API_KEY": "x"}) == "x"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("elasticsearch:///examples", "set ELASTICSEARCH_URL"),
        ("elasticsearch://no_such_connection/examples", "no_such_connection"),
    ],
)
def test_a_search_server_that_is_nowhere_named_stops_the_task_with_the_setting(
    use: Any, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    monkeypatch.delenv("ELASTICSEARCH_URL", raising=False)
    config = semantic()
    use(config)
    assert embedding.example_search("0123abcd") is None
    config["icl_config"]["similarity_config"]["elasticsearch"] = place
    use(config)
    with pytest.raises(FlywheelError, match=rf"icl_config\.similarity_config\.elasticsearch: .*{said}"):
        embedding.example_search("0123abcd")


@pytest.fixture
def platform(use: Any) -> Iterator[Platform]:
    """A platform that serves an embedding model."""
    with running_platform() as started:
        tenant = Tenant(started, "ns")
        deployment(tenant, model=MODEL, image_name=f"nvcr.io/nim/{MODEL}").execute(context())
        wait_until(lambda: MODEL in NimHook(base_url=started.nim_url).list_models())
        use(semantic(started.nim_url))
        yield started


TOPICS = ["lamp", "router", "invoice", "password", "parcel"]


def test_examples_are_the_most_similar_records_and_are_embedded_once(
    platform: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [
        text_record(f"c{i}", f"My {TOPICS[i % 5]} {i} is broken, I want a new {TOPICS[i % 5]}", f"Answer {i}")
        for i in range(60)
    ]
    logs = str(write_logs(tmp_path / "logs.jsonl", records))
    run: Any = {
        "client_id": CLIENT, "workload_id": WORKLOAD, "logs": logs, "folder": str(tmp_path / "run"),
        "window_start": None, "window_end": None, "key": "k",
    }  # fmt: skip
    exported = whole_export(run)
    split = data.build_datasets.function(run, exported, data.curate_records.function(run, exported))
    with caplog.at_level(logging.INFO):
        first = data.add_examples.function(run, split)
        assert data.add_examples.function(run, split) == first
    # The training records, and the other conversations of the window's sample, which drift is measured with.
    assert f"Embedding {len(records)} of {len(records)} passage texts" in caplog.text
    assert f"Embedding 0 of {len(records)} passage texts" in caplog.text
    [path] = [place for place in first["local_files"] if "icl-" in place]
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert len(rows) == split["eval_rows"] == 10
    for row in rows:
        system, question = (message["content"] for message in row["request"]["messages"])
        asked = [topic for topic in TOPICS if topic in question]
        assert [topic for topic in TOPICS if topic in system] == asked
        assert system.count("<example>") == 3


def test_a_second_run_asks_a_remote_service_nothing_and_its_key_is_nowhere(
    use: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", "nvapi-0123456789")
    texts = {text_key(f"text {i}"): i for i in range(70)}
    with embedding_server() as server, caplog.at_level(logging.DEBUG):
        use(semantic(deployment_type="remote", url=server.url, api_key_env="MY_KEY"))
        for _ in range(2):
            vectors = embedding.text_vectors()
            assert vectors is not None
            [(keys, _)] = vectors.blocks(texts, lambda numbers: [f"text {i}" for i in numbers], "passage")
            assert sorted(keys) == sorted(texts)
        assert len(server.requests) == 3
        assert server.keys == {"Bearer nvapi-0123456789"}
    assert "nvapi" not in caplog.text
    written = [path.read_bytes() for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert written
    assert not any(b"nvapi" in content for content in written)
