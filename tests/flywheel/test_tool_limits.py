"""Training data for candidates with a limit on the parameters of tools."""

from pathlib import Path
from typing import Any

import pytest

from include.flywheel.config import parse_config
from include.flywheel.errors import ConfigError
from include.flywheel.manifest import DatasetSummary
from include.flywheel.tool_limits import most_parameters
from tests.flywheel.conftest import Curate, build_all
from tests.flywheel.samples import read_rows, tool_record


def tool(parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "get_order", "parameters": parameters}}


def with_parameters(count: int) -> dict[str, Any]:
    return tool({"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(count)}})


def settings(*limits: int | None) -> Any:
    nims = [
        {"model_name": f"a/model-{i}", "context_length": 4096, "customization_enabled": True, "max_tool_parameters": limit}
        for i, limit in enumerate(limits)
    ]  # fmt: skip
    return parse_config(
        {"nims": nims, "data_split_config": {"eval_size": 10, "min_total_records": 0}}, source="test"
    )


def log(conversations: int = 60) -> list[dict[str, Any]]:
    """Every third conversation is shown a tool with nine parameters."""
    records = [tool_record(f"c{c}", turn) for c in range(conversations) for turn in range(2)]
    for number, each in enumerate(records):
        each["request"]["tools"] = [with_parameters(2), with_parameters(9 if number // 2 % 3 == 0 else 8)]
    return records


def largest(path: Path) -> list[int]:
    return [most_parameters(row["tools"]) for row in read_rows(path)]


@pytest.fixture
def built(tmp_path: Path, curated: Curate) -> Any:
    def build(*limits: int | None) -> DatasetSummary:
        curated(log(), eval_size=10)
        return build_all(tmp_path, "dataset", settings(*limits), "tool_calling")

    return build


def test_a_limit_is_off_unless_a_candidate_has_one(built: Any, tmp_path: Path) -> None:
    assert built(None).limited == {}
    assert list((tmp_path / "dataset").glob("parameters-*")) == []


def test_a_limited_candidate_trains_on_the_same_rows_in_the_same_order_but_for_large_tools(
    built: Any, tmp_path: Path
) -> None:
    limited = built(None, 8).limited[8]
    for path, count in (
        ("training/train.jsonl", limited.train),
        ("validation/validation.jsonl", limited.validation),
    ):
        common = read_rows(tmp_path / "dataset" / path)
        own = read_rows(tmp_path / "dataset" / "parameters-8" / path)
        assert own == [row for row in common if most_parameters(row["tools"]) <= 8]
        assert 0 < len(own) == count < len(common)
    assert limited.files.keys() == {"training/train.jsonl", "validation/validation.jsonl"}


def test_every_row_is_counted_and_evaluation_and_the_common_dataset_stay_as_they_are(
    built: Any, tmp_path: Path
) -> None:
    without = built(None)
    dataset = built(8, 100)
    assert dataset.name == without.name
    assert dataset.files == without.files
    for limited in dataset.limited.values():
        assert limited.train + limited.validation + limited.left_out == dataset.train + dataset.validation
    assert dataset.limited[100].left_out == 0
    assert 9 in largest_shown_in_eval(tmp_path)


def largest_shown_in_eval(tmp_path: Path) -> list[int]:
    return [
        most_parameters(row["request"]["tools"]) for row in read_rows(tmp_path / "dataset/testing/eval.jsonl")
    ]


def test_the_same_rows_have_the_same_name_and_others_another(built: Any) -> None:
    first, again = built(8, 7).limited, built(8).limited
    assert first[8].name == again[8].name
    assert first[7].name != first[8].name


def test_a_limit_that_leaves_nothing_names_no_files(built: Any) -> None:
    limited = built(1).limited[1]
    assert (limited.train, limited.validation, limited.files) == (0, 0, {})


@pytest.mark.parametrize(
    ("tools", "most"),
    [
        ([], 0),
        ([with_parameters(3), with_parameters(1)], 3),
        ([tool(None)], 0),
        ([{"type": "function", "function": {"name": "ping"}}], 0),
        ([tool("nonsense")], 0),
        ([tool({"type": "object", "properties": ["a"]})], 0),
        ([tool({"properties": {"order": {"type": "object", "properties": {"a": {}, "b": {}}}}})], 1),
    ],
)  # fmt: skip
def test_parameters_are_counted_as_the_tool_takes_them(tools: list[Any], most: int) -> None:
    assert most_parameters(tools) == most


def test_a_limit_for_a_candidate_that_is_not_trained_is_refused() -> None:
    nims = [{"model_name": "a/b", "context_length": 4096, "max_tool_parameters": 8}]
    with pytest.raises(ConfigError, match=r"nims\[0\]\.max_tool_parameters: a/b is not customized"):
        parse_config({"nims": nims}, source="test")
