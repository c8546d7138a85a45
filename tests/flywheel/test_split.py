from collections import Counter
from typing import Any

import numpy as np
import pytest

from include.flywheel.config_sections import DataSplitConfig
from include.flywheel.errors import NotEnoughRecordsError
from include.flywheel.evalset import choose_eval_set
from include.flywheel.split import Split, places, split_conversations, within_limit


def settings(**changes: object) -> DataSplitConfig:
    return DataSplitConfig.model_validate({"eval_size": 100, "min_total_records": 0, **changes})


def keys(count: int, seed: int = 0) -> np.ndarray:
    """Hashes of conversations; of one seed, the first ones of a longer list are those of a shorter one."""
    return np.random.default_rng(seed).integers(1, 2**64, count, dtype=np.uint64)


def split(count: int, size: int = 5, **changes: object) -> tuple[Split, np.ndarray]:
    sizes = np.full(count, size)
    return split_conversations(keys(count), sizes, settings(**changes)), sizes


def records_on(count: int, size: int = 5, **changes: object) -> Counter[str]:
    found, sizes = split(count, size, **changes)
    chosen = choose_eval_set(
        found.eval_side, sizes, {p: {} for p in range(count)}, settings(**changes).eval_size
    )
    held = sizes[found.eval_side].sum() - sizes[chosen].sum()
    train = sizes.sum() - sizes[found.eval_side].sum() - sizes[found.validation].sum()
    return Counter(
        eval=int(sizes[chosen].sum()),
        held_out=int(held),
        validation=int(sizes[found.validation].sum()),
        train=int(train),
    )


def test_split_sizes_are_as_asked() -> None:
    sides = records_on(400)
    assert (sides["eval"], sides.total()) == (100, 2000)
    assert sides["validation"] == pytest.approx((sides["train"] + sides["validation"]) / 10, abs=5)


@pytest.mark.parametrize("count", [300, 1000, 5000])
def test_no_more_than_twice_the_eval_set_is_kept_from_training(count: int) -> None:
    assert records_on(count)["held_out"] <= 100


def test_split_fills_the_eval_set_as_near_as_whole_conversations_go() -> None:
    assert records_on(50, size=7, eval_size=30)["eval"] == 28


def test_split_does_not_depend_on_the_order_of_the_records() -> None:
    sizes = np.arange(1, 101)
    found = split_conversations(keys(100), sizes, settings())
    backwards = split_conversations(keys(100)[::-1], sizes[::-1], settings())
    assert (keys(100)[found.eval_side] == keys(100)[::-1][backwards.eval_side]).all()
    assert set(keys(100)[found.validation]) == set(keys(100)[::-1][backwards.validation])


def test_split_follows_the_seed_and_takes_zero_as_one() -> None:
    sides = [tuple(split(100, random_seed=seed)[0].eval_side.tolist()) for seed in (None, 0, 1, 1)]
    assert sides[0] != sides[1] != sides[2] == sides[3]


def test_a_few_more_logs_move_no_conversation_to_another_side() -> None:
    for more in (401, 420, 440):
        before, after = split(400)[0].eval_side, split(more)[0].eval_side
        assert set(before.tolist()) == {position for position in after.tolist() if position < 400}


def test_a_place_is_that_of_the_conversation_alone() -> None:
    assert (places(keys(10), 7, "eval") == places(keys(1000), 7, "eval")[:10]).all()
    spread = places(keys(10000), None, "eval")
    assert np.histogram(spread, bins=10, range=(0, 1))[0].min() > 850
    assert abs(np.corrcoef(spread, places(keys(10000), None, "limit"))[0, 1]) < 0.05


def test_split_gives_validation_at_least_one_conversation() -> None:
    assert records_on(4, size=10, eval_size=10, val_ratio=0.05)["validation"] == 10
    assert records_on(4, size=10, eval_size=10, val_ratio=0)["validation"] == 0
    assert records_on(2, size=10, eval_size=10) == Counter(eval=10, train=10)


@pytest.mark.parametrize(("eval_size", "val_ratio", "count"), [(3, 0.6, 4), (3, 0.9, 5), (3, 0.95, 12)])
def test_split_always_leaves_something_to_train_on(eval_size: int, val_ratio: float, count: int) -> None:
    assert records_on(count, size=1, eval_size=eval_size, val_ratio=val_ratio)["train"] >= 1


def test_the_newest_conversations_are_evaluated_when_the_order_is_time() -> None:
    newest = np.arange(100.0)[::-1]
    found = split_conversations(
        keys(100), np.full(100, 2), settings(eval_size=20, order="time"), newest=newest
    )
    assert sorted(found.eval_side.tolist()) == list(range(10))


def test_a_limit_is_kept_by_whole_conversations_and_leaves_both_sides_their_share() -> None:
    within = within_limit(keys(1000), np.full(1000, 5), 2503, None)
    assert within.sum() == 500
    small = places(keys(1000)[within], None, "eval") < 0.5
    assert 200 < small.sum() < 300


def choose(tools: list[dict[str, int]], eval_size: int) -> list[int]:
    sizes = np.array([sum(each.values()) for each in tools])
    return choose_eval_set(np.arange(len(tools)), sizes, dict(enumerate(tools)), eval_size).tolist()


def test_a_rare_tool_is_evaluated_where_the_eval_side_has_it() -> None:
    tools: list[dict[str, int]] = (
        [{"often": 2}] * 50 + [{"rare": 1, "often": 1}] + [{"often": 2}] * 9 + [{"seldom": 2}]
    )
    chosen = choose(tools, 20)
    assert {50, 60} <= set(chosen)
    assert set(chosen) - {50, 60} == set(range(8))


def test_rare_tools_take_at_most_half_of_the_eval_set() -> None:
    tools: list[dict[str, int]] = [{"often": 1}] * 50 + [{f"t{i}": 1} for i in range(50)]
    chosen = choose(tools, 20)
    assert (len(chosen), sum(position >= 50 for position in chosen)) == (20, 10)


def refused(count: int, size: int = 5, **changes: Any) -> None:
    split(count, size, **changes)


def test_an_eval_set_as_large_as_all_records_is_refused_with_the_numbers() -> None:
    with pytest.raises(NotEnoughRecordsError, match=r"100 records in 20 conversations.* eval set of 100"):
        refused(20)


def test_too_few_records_are_refused_with_the_numbers() -> None:
    with pytest.raises(NotEnoughRecordsError, match=r"45 records in 9 conversations.* asks for 50"):
        refused(9, eval_size=10, min_total_records=50)


def test_one_giant_conversation_is_refused_with_the_numbers() -> None:
    with pytest.raises(NotEnoughRecordsError, match="500 records in 1 conversations"):
        refused(1, 500)


def test_conversations_all_larger_than_the_eval_set_are_refused_with_the_numbers() -> None:
    with pytest.raises(
        NotEnoughRecordsError, match=r"smallest conversation has 30, more than the eval set of 20"
    ):
        refused(10, 30, eval_size=20)


def test_a_giant_conversation_on_the_eval_side_is_passed_over() -> None:
    sizes = np.full(40, 2)
    first = int(np.argmin(places(keys(40), None, "eval")))
    sizes[first] = 500
    found = split_conversations(keys(40), sizes, settings(eval_size=20))
    chosen = choose_eval_set(found.eval_side, sizes, {p: {} for p in range(40)}, 20)
    assert first in found.eval_side
    assert first not in chosen
    assert sizes[chosen].sum() == 20
