"""Examples by similarity: which training records are shown, and in what prompts."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.flywheel.config import FlywheelConfig, parse_config
from include.flywheel.datasets import build_datasets
from include.flywheel.examples import END_BYTES, conversation_end
from include.flywheel.icl_files import add_examples, icl_file
from include.flywheel.manifest import DatasetSummary
from include.flywheel.nearest import NearestSearch
from include.flywheel.text_vectors import TextVectors
from include.flywheel.tokens import TokenCounter, TokenizerFile, estimate_tokens
from tests.flywheel.conftest import Curate
from tests.flywheel.embedding import Model, vector
from tests.flywheel.samples import CLIENT, WORKLOAD, read_rows, record, text_record
from tests.flywheel.test_tokens import tokenizer_file

NAMES = [f"tool_{i}" for i in range(5)]
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in NAMES]
TOPICS = ["parcel", "refund", "invoice", "password", "address", "contract", "router", "roaming"]


def settings(
    ratio: float | None = 0.7, max_examples: int = 5, context: int = 16384, **icl: Any
) -> FlywheelConfig:
    embedding = {"deployment_type": "remote", "url": "http://e.test/v1/embeddings", "model_name": "org/embed"}
    return parse_config(
        {
            "nims": [{"model_name": "local/s", "context_length": context}],
            "data_split_config": {"eval_size": 30, "min_total_records": 0},
            "icl_config": {
                "max_context_length": context,
                "reserved_tokens": 512,
                "max_examples": max_examples,
                "example_selection": "semantic_similarity",
                "similarity_config": {"relevance_ratio": ratio, "embedding_nim_config": embedding},
                **icl,
            },
        },
        source="test",
    )


def tool_log(count: int = 200, words: int = 8) -> list[dict[str, Any]]:
    """Conversations of one question each, about topics in changing proportion; the tool goes with the first topic."""
    draw = random.Random(5)
    records = []
    for number in range(count):
        said = [draw.choice(TOPICS) for _ in range(words)]
        question = f"Question {number} about {' '.join(said)}"
        name = NAMES[TOPICS.index(said[0]) % len(NAMES)]
        call = {
            "id": "x",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps({"n": number})},
        }
        messages = [{"role": "system", "content": "Help."}, {"role": "user", "content": question}]
        answer = {"role": "assistant", "content": None, "tool_calls": [call]}
        records.append(record(f"c{number}", messages, answer, tools=TOOLS))
    return records


def chosen(
    tmp_path: Path,
    config: FlywheelConfig,
    workload_type: Any = "tool_calling",
    model: Model | None = None,
    counter: TokenCounter | None = None,
) -> DatasetSummary:
    folder = tmp_path / "dataset"
    origin = {"client_id": CLIENT, "workload_id": WORKLOAD}
    split = build_datasets(
        tmp_path / "exported",
        tmp_path / "curated",
        folder,
        config=config,
        workload_type=workload_type,
        history=tmp_path / "history",
        run="run-1",
        **origin,
    )
    vectors = TextVectors("org/embed", (model or Model()).embed, tmp_path / "embeddings")
    return add_examples(folder, split, config=config, counter=counter, vectors=vectors, **origin)


def prompts(tmp_path: Path, context: int = 16384) -> list[dict[str, Any]]:
    return read_rows(tmp_path / "dataset" / icl_file(context))


def examples_in(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the examples of a prompt: the last turn and the tool of the answer ("" for a text)."""
    found = []
    for block in row["request"]["messages"][0]["content"].split("<example>")[1:]:
        turn = block.split("<conversation>\n")[1].split("\n</conversation>")[0].splitlines()[-1]
        answer = block.split("<answer>\n")[1].split("\n</answer>")[0]
        calls = json.loads(answer)["tool_calls"] if answer.startswith('{"tool_calls"') else []
        found.append((turn, calls[0]["name"] if calls else ""))
    return found


def nearest_by_hand(tmp_path: Path, row: dict[str, Any], count: int) -> list[str]:
    """Compare with every training row, one at a time."""
    question = vector(conversation_end([m for m in row["request"]["messages"] if m["role"] != "system"]))
    scored = []
    for train in read_rows(tmp_path / "dataset/training/train.jsonl"):
        text = conversation_end(train["messages"][:-1])
        there = vector(text)
        cosine = float(question @ there / np.linalg.norm(question) / np.linalg.norm(there))
        scored.append((cosine, text))
    return [text for _, text in sorted(scored, reverse=True)[:count]]


def test_the_nearest_examples_are_those_of_a_comparison_with_every_record(
    tmp_path: Path, curated: Curate
) -> None:
    curated(tool_log())
    chosen(tmp_path, settings(ratio=1.0))
    rows = prompts(tmp_path)
    assert len(rows) == 30
    for row in rows:
        assert [turn for turn, _ in examples_in(row)] == nearest_by_hand(tmp_path, row, 5)


@pytest.mark.parametrize(("ratio", "nearest"), [(0.0, 0), (0.5, 3), (0.7, 4), (None, 4), (1.0, 5)])
def test_that_share_of_the_examples_is_nearest(
    tmp_path: Path, curated: Curate, ratio: float | None, nearest: int
) -> None:
    curated(tool_log())
    chosen(tmp_path, settings(ratio))
    for row in prompts(tmp_path):
        shown = [turn for turn, _ in examples_in(row)]
        assert len(shown) == len(set(shown)) == 5
        assert shown[:nearest] == nearest_by_hand(tmp_path, row, nearest)


def test_the_other_examples_cover_tools_that_the_nearest_do_not(tmp_path: Path, curated: Curate) -> None:
    curated(tool_log())
    chosen(tmp_path, settings(ratio=0.4))
    for row in prompts(tmp_path):
        tools = [tool for _, tool in examples_in(row)]
        covered = set(tools[:2])
        uncovered = set(NAMES) - covered
        assert not covered & set(tools[2:])
        assert len(set(tools[2:])) == min(3, len(uncovered))


def test_where_there_are_no_other_tools_the_next_nearest_take_their_places(
    tmp_path: Path, curated: Curate
) -> None:
    curated([text_record(f"c{i}", f"question {i} {TOPICS[i % 8]}", f"answer {i}") for i in range(100)])
    chosen(tmp_path, settings(ratio=0.5), "generic")
    for row in prompts(tmp_path):
        assert [turn for turn, _ in examples_in(row)] == nearest_by_hand(tmp_path, row, 5)


def test_a_tool_that_the_request_does_not_offer_is_not_shown_however_near(
    tmp_path: Path, curated: Curate
) -> None:
    records = tool_log()
    for number, each in enumerate(records):
        if (
            number % 2
            and each["response"]["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == NAMES[0]
        ):
            each["request"]["tools"] = TOOLS[:1]
    curated(records)
    chosen(tmp_path, settings(ratio=0.7))
    only = [row for row in prompts(tmp_path) if len(row["request"]["tools"]) == 1]
    assert only
    for row in only:
        assert {tool for _, tool in examples_in(row)} == {NAMES[0]}


@pytest.mark.parametrize("context", [1400, 1800, 2500, 6000])
@pytest.mark.parametrize("counted", [False, True])
def test_no_prompt_is_longer_than_its_budget(
    tmp_path: Path, curated: Curate, context: int, counted: bool
) -> None:
    curated(tool_log(words=100))
    counter = TokenizerFile(tokenizer_file(tmp_path / "tokenizer.json")) if counted else None
    chosen(tmp_path, settings(context=context, max_examples=20), counter=counter)
    shown = 0
    for row in prompts(tmp_path, context):
        texts = [m["content"] for m in row["request"]["messages"]] + [json.dumps(row["request"]["tools"])]
        size = (
            sum(map(counter.size, texts)) if counter else estimate_tokens(sum(len(t.encode()) for t in texts))
        )
        assert size <= context - 512
        shown += len(examples_in(row))
    assert shown


def test_the_same_records_get_the_same_examples_whatever_is_cached_already(
    tmp_path: Path, curated: Curate
) -> None:
    curated(tool_log())
    first = chosen(tmp_path, settings())
    model = Model()
    assert chosen(tmp_path, settings(), model=model) == first
    assert model.asked == []
    curated(list(reversed(tool_log())))
    again = chosen(tmp_path, settings())
    assert again.files[icl_file(16384)] == first.files[icl_file(16384)]


def test_among_records_that_are_equally_near_the_choice_does_not_depend_on_their_order() -> None:
    queries = np.ones((1, 4), np.float32)
    names = ["d", "b", "a", "c"]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        search = NearestSearch(queries, names, np.zeros(4, np.intp), np.ones((1, 1), np.bool_), 2)
        for number in order:
            search.add(np.ones((1, 4), np.float32) * (number + 1), [[number]])
        assert [names[number] for number in search.found(0)] == ["a", "b"]


def test_any_number_of_records_may_say_the_same(tmp_path: Path, curated: Curate) -> None:
    def same(number: int) -> dict[str, Any]:
        messages = [{"role": "system", "content": f"{number}"}, {"role": "user", "content": "Hello router"}]
        return record(f"s{number}", messages, {"role": "assistant", "content": f"answer {number}"})

    curated([same(i) for i in range(300)])
    model = Model()
    chosen(tmp_path, settings(ratio=1.0), "generic", model)
    assert [kind for _, kind in model.asked] == ["query", "passage"]
    ids = sorted(json.loads(line)["id"] for line in (tmp_path / "dataset/training_index.jsonl").open())
    answers = {
        each["id"]: row["messages"][-1]["content"]
        for each, row in zip(
            read_rows(tmp_path / "dataset/training_index.jsonl"),
            read_rows(tmp_path / "dataset/training/train.jsonl"),
            strict=True,
        )
    }
    for row in prompts(tmp_path):
        shown = [
            b.split("\n</answer>")[0]
            for b in row["request"]["messages"][0]["content"].split("<answer>\n")[1:]
        ]
        assert shown == [answers[name] for name in ids[:5]]


def test_a_record_without_any_text_gets_uniform_examples_and_is_none(tmp_path: Path, curated: Curate) -> None:
    nothing = [{"type": "text", "text": ""}]
    silent = [
        record(f"s{i}", [{"role": "system", "content": f"{i}"}, {"role": "user", "content": nothing}],
               {"role": "assistant", "content": f"a{i}"})
        for i in range(30)
    ]  # fmt: skip
    curated([*silent, *(text_record(f"c{i}", f"question {i}", f"answer {i}") for i in range(100))])
    model = Model()
    chosen(tmp_path, settings(), "generic", model)
    assert all(text for text, _ in model.asked)
    without = [row for row in prompts(tmp_path) if isinstance(row["request"]["messages"][1]["content"], list)]
    assert without
    assert all(examples_in(row) for row in without)


def test_what_is_compared_are_the_last_turns_each_cut_to_its_beginning() -> None:
    messages = [
        {"role": "system", "content": "The policy."},
        {"role": "user", "content": "old " * 300},
        {"role": "user", "content": "ä" * 1000},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "found"},
    ]
    text = conversation_end(messages)
    assert len(text.encode()) <= END_BYTES
    assert "policy" not in text
    assert text.endswith('assistant (tool call): f {"a":1}\ntool: found')
    assert text.startswith("user: ä")
    assert conversation_end(messages[:1]) == ""


def test_the_manifest_says_how_examples_were_chosen(tmp_path: Path, curated: Curate) -> None:
    curated(tool_log())
    chosen(tmp_path, settings())
    manifest = json.loads((tmp_path / "dataset/manifest.json").read_text())
    assert manifest["similarity_config"] == {"relevance_ratio": 0.7, "model_name": "org/embed"}
    assert "e.test" not in json.dumps(manifest)
