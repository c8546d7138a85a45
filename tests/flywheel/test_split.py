from collections import Counter

import pytest

from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.split import split_conversations


def settings(**changes: object) -> DataSplitConfig:
    return DataSplitConfig.model_validate({"eval_size": 100, "min_total_records": 0, **changes})


def conversations(count: int, size: int = 5, prefix: str = "c") -> dict[str, int]:
    return {f"{prefix}{i}": size for i in range(count)}


def records_on(sizes: dict[str, int], **changes: object) -> Counter[str]:
    split = split_conversations(sizes, settings(**changes))
    sides: Counter[str] = Counter()
    for conversation, size in sizes.items():
        sides[split.side_of(conversation)] += size
    return sides


def test_split_sizes_are_as_asked() -> None:
    assert records_on(conversations(200)) == {"eval": 100, "validation": 90, "train": 810}


def test_split_fills_the_eval_set_as_near_as_whole_conversations_go() -> None:
    assert records_on(conversations(50, size=7), eval_size=30)["eval"] == 28


def test_split_passes_over_a_conversation_that_is_too_large() -> None:
    sizes = {**conversations(40, size=2), "giant": 500}
    split = split_conversations(sizes, settings(eval_size=20))
    assert split.side_of("giant") == "train"
    assert sum(sizes[c] for c in split.evaluation) == 20


def test_split_does_not_depend_on_the_order_of_the_records() -> None:
    sizes = conversations(100)
    backwards = dict(reversed(sizes.items()))
    assert split_conversations(sizes, settings()) == split_conversations(backwards, settings())


def test_split_follows_the_seed_and_takes_zero_as_one() -> None:
    splits = [split_conversations(conversations(100), settings(random_seed=s)) for s in (None, 0, 1, 1)]
    assert splits[0] != splits[1] != splits[2] == splits[3]


def test_split_gives_validation_at_least_one_conversation() -> None:
    assert records_on(conversations(4, size=10), eval_size=10, val_ratio=0.05)["validation"] == 10
    assert records_on(conversations(4, size=10), eval_size=10, val_ratio=0)["validation"] == 0
    assert records_on(conversations(2, size=10), eval_size=10) == {"eval": 10, "train": 10}


@pytest.mark.parametrize(("eval_size", "val_ratio", "count"), [(3, 0.6, 4), (3, 0.9, 5), (3, 0.95, 12)])
def test_split_always_leaves_something_to_train_on(eval_size: int, val_ratio: float, count: int) -> None:
    sides = records_on(conversations(count, size=1), eval_size=eval_size, val_ratio=val_ratio)
    assert (sides["train"], sides["eval"]) == (1, eval_size)


def test_tools_are_spread_over_the_sides_like_over_the_whole() -> None:
    sizes = {**conversations(600, prefix="often"), **conversations(200, prefix="seldom")}
    split = split_conversations(sizes, settings(eval_size=400))
    for side in (split.evaluation, split.validation):
        share = sum(c.startswith("seldom") for c in side) / len(side)
        assert 0.15 < share < 0.35


def test_an_eval_set_as_large_as_all_records_is_refused_with_the_numbers() -> None:
    with pytest.raises(NotEnoughRecordsError, match=r"100 records in 20 conversations.* eval set of 100"):
        split_conversations(conversations(20), settings(eval_size=100))


def test_too_few_records_are_refused_with_the_numbers() -> None:
    with pytest.raises(NotEnoughRecordsError, match=r"45 records in 9 conversations.* asks for 50"):
        split_conversations(conversations(9), settings(eval_size=10, min_total_records=50))


def test_one_giant_conversation_is_refused_with_the_numbers() -> None:
    with pytest.raises(NotEnoughRecordsError, match="500 records in 1 conversations"):
        split_conversations({"giant": 500}, settings())


def test_conversations_all_larger_than_the_eval_set_are_refused_with_the_numbers() -> None:
    with pytest.raises(
        NotEnoughRecordsError, match=r"smallest conversation has 30, more than the eval set of 20"
    ):
        split_conversations(conversations(10, size=30), settings(eval_size=20))
