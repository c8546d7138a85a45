"""What Elasticsearch finds is what the search in process finds."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from flywheel_tasks import data
from flywheel_tasks.log_server import ElasticsearchServer
from flywheel_tasks.settings import flywheel_config
from include.flywheel.index_search import index_search
from include.flywheel.nearest import OpenSearch, unit
from tests.dags.exports import whole_export
from tests.elasticsearch.vectors import SELECTION, Passages, random_vectors
from tests.flywheel.samples import CLIENT, WORKLOAD, text_record, write_logs
from tests.nemo_provider.embedding_server import embedding_server


@pytest.fixture
def open_search(server: ElasticsearchServer, prefix: str) -> OpenSearch:
    return partial(index_search, server, prefix, SELECTION)


def test_random_vectors_are_found_as_by_a_comparison_with_each(open_search: OpenSearch) -> None:
    passages = Passages(random_vectors(4000, 96, seed=1), random_vectors(100, 96, seed=2))
    exact, found = passages.found(), passages.found(open_search)
    shared = sum(len(set(one) & set(other)) for one, other in zip(exact, found, strict=True))
    assert shared >= 0.99 * sum(map(len, exact))
    assert [len(each) for each in found] == [len(each) for each in exact]
    for query, numbers in enumerate(found):
        assert all(passages.allowed[query, passages.kinds[number]] for number in numbers)


def test_vectors_that_are_well_apart_are_found_in_the_same_order(open_search: OpenSearch) -> None:
    # Each is nearer to the first axis than the next by far more than what is rounded.
    angles = np.linspace(0, np.pi / 2, 2000, dtype=np.float64)
    vectors = np.zeros((2000, 8), np.float32)
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    shuffled = np.random.default_rng(3).permutation(2000)
    queries = np.array([[np.cos(a), np.sin(a), *[0.0] * 6] for a in (-0.5, 0.3, 2.0)], np.float32) * 7
    passages = Passages(vectors[shuffled], queries, count=8)
    assert passages.found(open_search) == passages.found()


def test_of_equally_near_ones_those_of_the_lesser_names_are_found(open_search: OpenSearch) -> None:
    vectors = np.repeat(random_vectors(40, 16, seed=4), 5, axis=0)
    # By powers of two, so that they are equal to the last digit once they are of length one.
    vectors *= 2.0 ** (np.arange(len(vectors), dtype=np.float32) % 3)[:, None]
    passages = Passages(vectors, random_vectors(20, 16, seed=5), kinds=2, count=4)
    passages.allowed[:] = True
    assert passages.found(open_search) == passages.found()


def test_a_kind_of_which_there_is_too_little_is_found_whole_and_of_none_nothing(
    open_search: OpenSearch,
) -> None:
    passages = Passages(random_vectors(300, 16, seed=6), random_vectors(3, 16, seed=7), kinds=3, count=5)
    passages.kinds[:] = 0
    passages.kinds[[4, 40]] = 1
    passages.allowed[:] = [[False, True, False], [False, False, True], [False, False, False]]
    found = passages.found(open_search)
    assert found == passages.found()
    assert [len(each) for each in found] == [2, 0, 0]


def test_vectors_that_came_after_an_answer_are_found_as_well(open_search: OpenSearch) -> None:
    passages = Passages(random_vectors(50, 16, seed=9), random_vectors(1, 16, seed=10), kinds=1, count=2)
    passages.allowed[:] = True
    with open_search(*passages.arguments()) as search:
        search.add(passages.vectors[:20], passages.same[:20])
        search.found(0)
        search.add(passages.vectors[20:], passages.same[20:])
        assert search.found(0) == passages.found()[0]


def test_similarities_are_the_cosines_of_the_vectors_as_they_came(
    server: ElasticsearchServer, prefix: str
) -> None:
    # The second one is the longer of two in nearly the same direction: by a product that is no cosine it would be first.
    vectors = np.array([[1, 0, 0, 0.1], [100, 0, 0, 20], [0, 1, 0, 0]], np.float32)
    cosines = unit(vectors) @ np.array([1, 0, 0, 0], np.float32)
    assert list(np.argsort(-cosines)) == [0, 1, 2]
    allowed = np.ones((1, 1), np.bool_)
    arguments = (np.array([[5, 0, 0, 0]], np.float32), ["c", "b", "a"], np.zeros(3, np.intp), allowed, 3)
    with index_search(server, prefix, SELECTION, *arguments) as search:
        search.add(vectors, [[0], [1], [2]])
        assert search.found(0) == [0, 1, 2]


def test_the_task_chooses_the_same_examples_by_either_search(
    own: Any, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any
) -> None:
    records = [text_record(f"c{i}", f"{'word ' * (i % 30)}question {i}", f"Answer {i}") for i in range(120)]
    run: Any = {
        "client_id": CLIENT, "workload_id": WORKLOAD, "logs": str(write_logs(tmp_path / "logs.jsonl", records)),
        "folder": str(tmp_path / "run"), "window_start": None, "window_end": None, "key": SELECTION,
    }  # fmt: skip
    made = []
    monkeypatch.setenv("FLYWHEEL_ARTIFACTS", str(tmp_path / "artifacts"))
    with embedding_server() as embedding:
        for place in (None, f"elasticsearch:///{prefix}"):
            similarity = {
                "elasticsearch": place,
                "embedding_nim_config": {
                    "deployment_type": "remote",
                    "url": embedding.url,
                    "model_name": "e",
                },
            }
            config = {
                "nims": [{"model_name": "a/b", "context_length": 8192}],
                "data_split_config": {"eval_size": 10, "min_total_records": 0},
                "icl_config": {"example_selection": "semantic_similarity", "similarity_config": similarity},
            }
            (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
            monkeypatch.setenv("FLYWHEEL_CONFIG", str(tmp_path / "config.yaml"))
            flywheel_config.cache_clear()
            exported = whole_export(run)
            split = data.build_datasets.function(run, exported, data.curate_records.function(run, exported))
            made.append(json.dumps(data.add_examples.function(run, split)))
    flywheel_config.cache_clear()
    assert made[0] == made[1]
    assert list(client.indices.get(index=f"{prefix}-*", expand_wildcards="all")) == []
