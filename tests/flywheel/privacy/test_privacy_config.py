import pytest

from include.flywheel.config import parse_config
from include.flywheel.errors import ConfigError

ONE_NIM = {"model_name": "a/b", "context_length": 8192}


def problem(privacy: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config({"nims": [ONE_NIM], "privacy": privacy}, source="flywheel.yaml")
    (only,) = caught.value.problems
    return only


def test_privacy_is_off_unless_asked_for() -> None:
    assert parse_config({"nims": [ONE_NIM]}, source="x").privacy.mode == "off"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("LN-(", "is no pattern that RE2 takes"),
        (r"(?<=x)\d", "is no pattern that RE2 takes"),
        (r"\d*", "matches nothing at all"),
        (r"\b", "matches nothing at all"),
        ("", "matches nothing at all"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named_with_its_key(pattern: str, said: str) -> None:
    found = problem({"custom": [{"name": "loyalty", "pattern": pattern}]})
    assert found.startswith("privacy.custom[0].pattern: ")
    assert said in found


def test_a_pattern_that_would_backtrack_for_ever_is_fine() -> None:
    custom = [{"name": "slow", "pattern": "(a+)+b"}]
    privacy = parse_config({"nims": [ONE_NIM], "privacy": {"custom": custom}}, source="x").privacy
    from include.flywheel.privacy.custom import CustomFinder

    assert list(CustomFinder(privacy.custom[0].pattern)("a" * 50_000)) == []


def test_names_of_patterns_are_distinct() -> None:
    assert "email that is taken" in problem({"custom": [{"name": "email", "pattern": "x"}]})


def test_a_region_that_is_none_is_named() -> None:
    assert problem({"regions": ["UK"]}).startswith("privacy.regions: ")
    assert "'UK'" in problem({"regions": ["UK"]})
