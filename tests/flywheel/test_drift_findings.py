from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from include.flywheel.drift.findings import compare_windows
from include.flywheel.drift.result import Drift, Finding
from include.flywheel.drift.statistics import WindowStatistics
from tests.flywheel.drift_samples import MIX, drawn

SIMULATIONS = 500


def usual(rng: np.random.Generator, windows: int = 8, **fields: Any) -> list[WindowStatistics]:
    return [drawn(rng, day, **fields) for day in range(windows)]


def of(drift: Drift, topic: str) -> Finding:
    found = [finding for finding in drift.findings if finding.topic == topic]
    assert len(found) == 1, drift.findings
    return found[0]


def told(drift: Drift) -> Sequence[tuple[str, str]]:
    return [(f.topic, f.severity) for f in drift.findings if f.severity != "none"]


@pytest.mark.parametrize(("records", "conversation"), [(50, 1), (500, 1), (5000, 1), (500, 8)])
def test_two_windows_of_the_same_traffic_hardly_ever_raise_a_strong_alarm(
    records: int, conversation: int
) -> None:
    rng = np.random.default_rng(20251001)
    strong = 0
    for _ in range(SIMULATIONS):
        before, now = usual(rng, 2, records=records, conversation=conversation)
        strong += compare_windows(now, [before]).severity == "strong"
    assert strong <= 0.02 * SIMULATIONS


def test_the_first_window_has_nothing_to_be_compared_with() -> None:
    drift = compare_windows(drawn(np.random.default_rng(0)), [])
    assert (drift.severity, drift.findings, drift.previous) == ("none", [], [])
    assert drift.figures[0].model_dump() == {
        "name": "records_per_day", "current": 500, "median": None, "low": None, "high": None,
    }  # fmt: skip


def test_a_new_tool_is_named_with_its_share() -> None:
    rng = np.random.default_rng(0)
    drift = compare_windows(drawn(rng, 8, mix={**MIX, "reboot": 0.3}), usual(rng))
    finding = of(drift, "new_tools")
    assert finding.severity == drift.severity == "strong"
    assert finding.effect == pytest.approx(0.09, abs=0.03)
    assert finding.sentence.startswith("New, not called in the last 8 windows: reboot (")


def test_a_rare_tool_that_turns_up_is_told_without_an_alarm() -> None:
    rng = np.random.default_rng(0)
    tail = {**MIX, **{f"rare_{n}": 0.0005 for n in range(100)}}
    drift = compare_windows(drawn(rng, 8, mix=tail), usual(rng, mix=tail))
    assert told(drift) == []
    assert of(drift, "new_tools").sentence.startswith("Not called in the last 8 windows, but no more often")


def test_tools_that_turn_up_together_in_a_few_conversations_are_a_notice_at_most() -> None:
    rng = np.random.default_rng(0)
    tail = {**MIX, **{f"rare_{n}": 0.02 for n in range(6)}}
    drift = compare_windows(drawn(rng, 8, mix=tail, records=160), usual(rng))
    assert dict(told(drift))["new_tools"] == "notice"
    assert "; together" in of(drift, "new_tools").sentence


def test_a_tool_that_is_gone_is_told_strongly_once() -> None:
    rng = np.random.default_rng(0)
    rest = {name: share for name, share in MIX.items() if name != "tool_2"}
    windows = [*usual(rng), drawn(rng, 8, mix=rest), drawn(rng, 9, mix=rest)]
    first, second = compare_windows(windows[8], windows[:8]), compare_windows(windows[9], windows[1:9])
    assert of(first, "gone_tools").severity == "strong"
    assert "No longer called: tool_2 (" in of(first, "gone_tools").sentence
    assert of(second, "gone_tools").severity == "notice"
    assert (
        "the window from 2025-10-09 does not clearly differ from this one"
        in of(second, "gone_tools").sentence
    )


def test_other_proportions_of_the_same_tools_are_found() -> None:
    rng = np.random.default_rng(0)
    turned = dict(zip(MIX, reversed(MIX.values()), strict=True))
    drift = compare_windows(drawn(rng, 8, mix=turned), usual(rng))
    assert told(drift) == [("tool_mix", "strong")]
    assert "tool_0 34 % → 3 %" in of(drift, "tool_mix").sentence.replace("33", "34").replace("35", "34")


def test_a_mix_that_comes_every_week_is_no_strong_alarm() -> None:
    rng = np.random.default_rng(0)
    turned = dict(zip(MIX, reversed(MIX.values()), strict=True))
    windows = [drawn(rng, day, mix=turned if day % 7 == 5 else MIX) for day in range(13)]
    drift = compare_windows(windows[12], windows[4:12])
    assert told(drift) == [("tool_mix", "notice")]
    assert "the window from 2025-10-06 does not clearly differ" in of(drift, "tool_mix").sentence


def test_the_same_change_in_a_handful_of_conversations_raises_nothing() -> None:
    rng = np.random.default_rng(0)
    turned = dict(zip(MIX, reversed(MIX.values()), strict=True))
    few = drawn(rng, 8, records=64, conversation=8, mix=turned)
    drift = compare_windows(few, usual(rng))
    assert "tool_mix" not in dict(told(drift))
    assert "8 conversations here" in of(drift, "tool_mix").sentence


def test_longer_prompts_are_found_with_both_medians() -> None:
    rng = np.random.default_rng(0)
    drift = compare_windows(drawn(rng, 8, tokens=6000, answer_tokens=None), usual(rng, answer_tokens=None))
    assert told(drift) == [("prompt_length", "strong")]
    finding = of(drift, "prompt_length")
    assert finding.effect == pytest.approx(1, abs=0.1)
    assert finding.sentence.startswith("Prompts are longer: the median is ")
    shorter = compare_windows(drawn(rng, 8, tokens=1500), usual(rng))
    assert of(shorter, "answer_length").sentence.startswith("Answers are shorter")


def test_a_change_of_length_below_the_limit_is_not_worth_a_notice() -> None:
    rng = np.random.default_rng(0)
    drift = compare_windows(drawn(rng, 8, records=5000, tokens=3150), usual(rng, records=5000))
    assert told(drift) == []


@pytest.mark.parametrize(("records", "ratio"), [(1500, "3 ×"), (150, "0.3 ×")])
def test_a_volume_that_no_window_of_a_week_had_is_strong(records: int, ratio: str) -> None:
    rng = np.random.default_rng(0)
    finding = of(compare_windows(drawn(rng, 8, records=records), usual(rng)), "volume")
    assert finding.severity == "strong"
    assert f"is {ratio} the median of the last 8 windows" in finding.sentence


def test_a_quiet_weekend_is_usual_when_there_was_one_before() -> None:
    rng = np.random.default_rng(0)
    windows = [drawn(rng, day, records=100 if day % 7 in (5, 6) else 500) for day in range(13)]
    saturday = compare_windows(windows[12], windows[4:12])
    assert of(saturday, "volume").severity == "none"
    assert "which is usual" in of(saturday, "volume").sentence


def test_the_first_weekend_is_no_strong_alarm() -> None:
    rng = np.random.default_rng(0)
    finding = of(compare_windows(drawn(rng, 5, records=100), usual(rng, 5)), "volume")
    assert finding.severity == "notice"
    assert "too few to know the rhythm of a week" in finding.sentence


def test_windows_of_different_lengths_are_compared_by_the_day() -> None:
    rng = np.random.default_rng(0)
    drift = compare_windows(drawn(rng, 8, records=3500, days=7), usual(rng))
    assert told(drift) == []


def test_records_that_can_no_longer_be_used_are_found_by_reason() -> None:
    rng = np.random.default_rng(0)
    good = {"set_aside": {"duplicate": 10}, "exported": 510}
    now = drawn(rng, 8, set_aside={"duplicate": 10, "bad_tool_arguments": 90}, exported=600)
    drift = compare_windows(now, usual(rng, **good))
    assert told(drift) == [("set_aside", "strong")]
    assert (
        of(drift, "set_aside").sentence
        == "15 % of the records are set aside as bad_tool_arguments, 0 % in the last 8 windows."
    )


def test_a_workload_that_answers_in_texts_now_is_told() -> None:
    rng = np.random.default_rng(0)
    texts = drawn(
        rng, 8, workload_type="generic", tools={"records": {}, "conversations": {}, "design_effect": 1}
    )
    drift = compare_windows(texts, usual(rng))
    assert drift.findings[0].topic == "workload_type"
    assert "gone_tools" in dict(told(drift))
    later = texts.model_copy(update={"start": texts.end, "end": texts.end + timedelta(days=1)})
    assert told(compare_windows(later, [texts])) == []


def test_the_gravest_finding_comes_first_and_is_that_of_the_window() -> None:
    rng = np.random.default_rng(0)
    drift = compare_windows(drawn(rng, 8, tokens=3700, mix={**MIX, "new": 1.0}), usual(rng))
    severities = [finding.severity for finding in drift.findings]
    assert severities == sorted(severities, key=["strong", "notice", "none"].index)
    assert drift.severity == severities[0] == "strong"
