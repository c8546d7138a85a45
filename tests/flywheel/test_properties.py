"""What must hold for every log, tried on logs that hypothesis makes up; the path runs on disk as in production."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data_path import take_path
from include.flywheel.curate import kept_rows
from include.flywheel.logs.files import FileLogs
from tests.flywheel.samples import CLIENT, TOOLS, WORKLOAD, config, record, write_logs

#: The same logs in every run: a test that turns red speaks of a change in the code.
tried = settings(max_examples=40, deadline=None, derandomize=True, database=None)


class Turn(NamedTuple):
    """What makes one record; two records of equal turns are duplicates, however they were logged.

    `conversation` is part of the answer. It is logged as the conversation's id where `named`; `opening` is what the
    user said first, which different conversations may share.
    """

    conversation: int
    named: bool
    opening: int
    depth: int
    said: int


turns = st.builds(
    Turn,
    conversation=st.integers(0, 9),
    named=st.booleans(),
    opening=st.integers(0, 5),
    depth=st.integers(0, 2),
    said=st.integers(0, 1),
)
logs = st.lists(turns, min_size=1, max_size=60)
#: Enough small conversations that every log can be split.
FILLERS = [Turn(100 + n, True, 100 + n, 0, 0) for n in range(12)]


class Dataset(NamedTuple):
    """The sides of the turns (more than one if a turn was written twice), those that were kept, and what was set aside.

    `left_out` is what the split has set aside of the kept ones.
    """

    sides: dict[Turn, list[str]]
    kept: set[Turn]
    set_aside: dict[str, int]
    left_out: dict[str, int]
    rows: dict[str, Counter[str]]


def logged(turn: Turn, time: int) -> dict[str, Any]:
    """The record of a turn; when it was logged and its response id are no part of what it says."""
    messages = [{"role": "user", "content": f"Opening {turn.opening}"}]
    for depth in range(turn.depth):
        messages += [{"role": "assistant", "content": f"step {depth}"}, {"role": "user", "content": "go on"}]
    function = {"name": "get_order", "arguments": json.dumps(turn._asdict())}
    answer = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"random-{time}", "type": "function", "function": function}],
    }
    name = f"conversation-{turn.conversation}" if turn.named else None
    return record(name, messages, answer, tools=TOOLS, timestamp=1759276800 + time)


def built(log: list[Turn], limit: int | None = None) -> Dataset:
    """Send a log down the data path and read what it wrote."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = write_logs(folder / "log.jsonl", [logged(turn, time) for time, turn in enumerate(log)])
        settings = config(eval_size=5, limit=limit, near_duplicate_similarity=None)
        passed = take_path(FileLogs(path), folder, client_id=CLIENT, workload_id=WORKLOAD, config=settings)
        sides: dict[Turn, list[str]] = defaultdict(list)
        rows: dict[str, Counter[str]] = {}
        for side in ("train", "validation", "eval"):
            [file] = (folder / "dataset").glob(f"*/{side}.jsonl")
            rows[side] = Counter(file.read_text().splitlines())
            for turn in answers(file):
                sides[turn].append(side)
        kept = {learned(row) for _, row in kept_rows(folder / "export", folder / "curated")}
        return Dataset(sides, kept, passed.curated.set_aside, passed.dataset.set_aside, rows)


def answers(file: Path) -> Iterator[Turn]:
    """The turns that the rows of a training or an eval file answer."""
    for line in file.read_text().splitlines():
        yield learned(line)


def learned(line: str | bytes) -> Turn:
    """The turn that a row answers."""
    row = json.loads(line)
    message = row["response"]["choices"][0]["message"] if "response" in row else row["messages"][-1]
    arguments = message["tool_calls"][0]["function"]["arguments"]
    return Turn(**(json.loads(arguments) if isinstance(arguments, str) else arguments))


@tried
@given(logs)
def test_every_distinct_record_is_kept_once_on_exactly_one_side(log: list[Turn]) -> None:
    whole = [*FILLERS, *log]
    dataset = built(whole)
    assert dataset.kept == set(whole)
    assert set(dataset.sides) <= dataset.kept
    assert len(dataset.sides) + sum(dataset.left_out.values()) == len(dataset.kept)
    assert all(len(sides) == 1 for sides in dataset.sides.values())
    assert dataset.set_aside.get("duplicate", 0) == len(whole) - len(set(whole))


@tried
@given(logs)
def test_no_conversation_is_on_two_sides(log: list[Turn]) -> None:
    dataset = built([*FILLERS, *log])
    nameless = {turn.opening for turn in dataset.sides if not turn.named}
    by_conversation: dict[object, set[str]] = defaultdict(set)
    for turn, sides in dataset.sides.items():
        if turn.named:
            by_conversation["id", turn.conversation].update(sides)
        # A record without an id can be told by its opening only, so all that opened so stay together.
        if turn.opening in nameless:
            by_conversation["opening", turn.opening].update(sides)
    assert all(len(sides) == 1 for sides in by_conversation.values())


@tried
@given(logs, st.randoms(use_true_random=False), st.none() | st.integers(12, 40))
def test_the_order_of_a_log_does_not_matter(log: list[Turn], random: Random, limit: int | None) -> None:
    whole = [*FILLERS, *log]
    shuffled = random.sample(whole, len(whole))
    dataset, other = built(whole, limit), built(shuffled, limit)
    assert other.sides == dataset.sides
    assert other.set_aside == dataset.set_aside
    assert other.rows["train"] == dataset.rows["train"]


@tried
@given(logs, logs)
def test_what_is_logged_later_does_not_change_which_earlier_records_are_kept(
    earlier: list[Turn], later: list[Turn]
) -> None:
    before, after = built([*FILLERS, *earlier]), built([*FILLERS, *earlier, *later])
    assert before.kept <= after.kept
    assert after.kept - before.kept <= set(later)


@tried
@given(logs)
def test_the_same_log_gives_the_same_files(log: list[Turn]) -> None:
    assert built([*FILLERS, *log]) == built([*FILLERS, *log])
