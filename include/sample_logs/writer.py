"""Write the sample: all conversations on one time line, with the blemishes strewn in."""

import dataclasses
import datetime
import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from include.sample_logs.blemishes import MALFORMED, contradict, repeat
from include.sample_logs.conversations import drift_days, hold
from include.sample_logs.faq import faq_record
from include.sample_logs.records import CLIENT_ID, DESK, FAQ, Record, desk_records

__all__ = ["CLIENT_ID", "SampleSummary", "write_sample_logs"]

_Row = tuple[int, str, Record | str]
"""Where the row belongs in time, what it is ("" for sound, else a kind of blemish), and the row."""


@dataclasses.dataclass(frozen=True)
class SampleSummary:
    """What a written sample holds; a reader of the file must come to the same numbers.

    `records` counts the well-formed records per workload, duplicates and contradictions among them;
    `duplicates` those that repeat an earlier one's messages and answer. `contradictions`, `parallel_calls`,
    `text_answers`, `object_arguments` and `without_conversation_id` count well-formed records of the desk.
    `malformed` counts broken rows by kind; of the other numbers only `lines` includes them. `drift` names the
    tools that come later and their first day.
    """

    path: str
    client_id: str
    lines: int
    records: dict[str, int]
    conversations: dict[str, int]
    duplicates: dict[str, int]
    contradictions: int
    malformed: dict[str, int]
    parallel_calls: int
    text_answers: int
    object_arguments: int
    without_conversation_id: int
    first_timestamp: int
    last_timestamp: int
    drift: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON values."""
        return dataclasses.asdict(self)


def write_sample_logs(
    path: str | Path,
    *,
    seed: int = 7,
    days: int = 30,
    conversations: int = 250,
    start: datetime.date = datetime.date(2025, 10, 1),
) -> SampleSummary:
    """Write the sample to `path` (JSON lines; gzip if the name ends in .gz) and return what it holds.

    The same arguments give the same text, byte for byte; how gzip packs it is up to the zlib in use. The log
    covers `days` days from `start`, midnight UTC. Half as many questions of the second workload come on top
    of `conversations` of the first. Parent folders are made; a file in the way is replaced. Raises
    `ValueError` if `conversations` or `days` is below 1.
    """
    if conversations < 1 or days < 1:
        raise ValueError(f"a sample needs a conversation and a day at least, not {conversations} and {days}")
    first_day = int(datetime.datetime.combine(start, datetime.time(), datetime.UTC).timestamp())
    rows = _rows(seed, days, conversations, first_day)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _write_lines(target, (row for _, _, row in rows))
    begins = [(start + datetime.timedelta(days=day)).isoformat() for day in drift_days(days)]
    return _summarise(str(path), rows, conversations, {"check_outage": begins[0], "reboot_device": begins[1]})


def _rows(seed: int, days: int, conversations: int, first_day: int) -> list[_Row]:
    rng = random.Random(f"blemishes/{seed}")
    held = (hold(seed, number, first_day, days) for number in range(conversations))
    desk = [record for dialogue in held for record in desk_records(dialogue)]
    questions = [faq_record(seed, number, first_day, days) for number in range((conversations + 1) // 2)]
    rows: list[_Row] = [(record["timestamp"], "", record) for record in [*desk, *questions]]
    for record in rng.sample(desk, max(1, len(desk) * 3 // 100)):
        twice = repeat(record, rng)
        rows.append((twice["timestamp"], "", twice))
    doubtful = [other for record in rng.sample(desk, len(desk)) if (other := contradict(record, rng))]
    rows += [(other["timestamp"], "contradiction", other) for other in doubtful[: max(1, len(desk) // 150)]]
    for kind, spoil in MALFORMED.items():
        for record in rng.sample(desk, max(1, len(desk) // 400)):
            rows.append((record["timestamp"] + 1, kind, spoil(record)))
    rows.sort(key=lambda row: row[0])
    return rows


def _write_lines(path: Path, rows: Iterable[Record | str]) -> None:
    encoded = (_encode(row) for row in rows)
    if path.suffix == ".gz":
        with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
            packed.writelines(encoded)
    else:
        with path.open("wb") as plain:
            plain.writelines(encoded)


def _encode(row: Record | str) -> bytes:
    text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _summarise(path: str, rows: list[_Row], conversations: int, drift: dict[str, str]) -> SampleSummary:
    sound = [row for _, kind, row in rows if kind not in MALFORMED and not isinstance(row, str)]
    desk = [record for record in sound if record["workload_id"] == DESK]
    calls = [record["response"]["choices"][0]["message"].get("tool_calls", []) for record in desk]
    return SampleSummary(
        path=path,
        client_id=CLIENT_ID,
        lines=len(rows),
        records=dict(Counter(record["workload_id"] for record in sound)),
        conversations={DESK: conversations, FAQ: len(sound) - len(desk)},
        duplicates=dict(Counter(_repeated(sound))),
        contradictions=sum(kind == "contradiction" for _, kind, _ in rows),
        malformed=dict(Counter(kind for _, kind, _ in rows if kind in MALFORMED)),
        parallel_calls=sum(len(made) > 1 for made in calls),
        text_answers=sum(not made for made in calls),
        object_arguments=sum(
            bool(made) and isinstance(made[0]["function"]["arguments"], dict) for made in calls
        ),
        without_conversation_id=sum("metadata" not in record["request"] for record in desk),
        first_timestamp=min(record["timestamp"] for record in sound),
        last_timestamp=max(record["timestamp"] for record in sound),
        drift=drift,
    )


def _repeated(records: list[Record]) -> Iterator[str]:
    seen = set()
    for record in records:
        message = record["response"]["choices"][0]["message"]
        key = json.dumps([record["workload_id"], record["request"]["messages"], message], sort_keys=True)
        if key in seen:
            yield record["workload_id"]
        seen.add(key)
