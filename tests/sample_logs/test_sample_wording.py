"""The grammar and the voices."""

import random

import pytest

from include.sample_logs.wording import Voice, expand


def test_alternatives_nest_and_may_be_empty() -> None:
    drawn = {expand(random.Random(seed), "[a|b [c|d]|] e") for seed in range(60)}
    assert drawn == {"a e", "b c e", "b d e", "e"}


def test_slots_stay_as_they_are_in_the_most_careless_voice() -> None:
    voice = Voice(random.Random(1), typos=100, lower=True, bare=True)
    said = voice.say("Customer {value} speaking", value="C-10233 Question")
    assert "C-10233 Question" in said
    assert said != "customer C-10233 Question speaking"
    assert said.islower() is False


def test_brackets_in_a_slot_are_not_alternatives() -> None:
    assert expand(random.Random(1), "say {value}", value="[x|y]") == "say [x|y]"


def test_a_slot_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="missing"):
        expand(random.Random(1), "{missing}")
