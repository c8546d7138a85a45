"""JSON that is not one object a line: an array of records, or records that are indented for people."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from include.flywheel.errors import RecordError

#: Characters that are read at once. A record that goes on after them is parsed again with twice as many.
_CHARACTERS = 1 << 20

#: No record is longer; a file that is damaged would otherwise be read into memory to its end.
_LONGEST_RECORD = 1 << 26

_BETWEEN = re.compile(r"[\s,]*")


def has_json_values(head: bytes) -> bool:
    """Say whether a text that begins so is an array or indented, and not one object a line."""
    head = head.lstrip()
    return head.startswith(b"[") or head.split(b"\n", 1)[0].rstrip() == b"{"


def json_values(file: io.BufferedReader, path: Path) -> Iterator[bytes]:
    """Yield each record of a JSON array, or of several JSON values one after the other, on one line.

    Raises RecordError, naming `path`, where the text is no JSON or ends too early.
    """
    # Broken bytes come through as they are, as they do in lines.
    source = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    decode = json.JSONDecoder().raw_decode
    text, place, number, in_array = "", 0, 0, False
    while True:
        between = _BETWEEN.match(text, place)
        place = between.end() if between else place
        if place == len(text):
            text, place = source.read(_CHARACTERS), 0
            if text:
                continue
            if in_array:
                raise _damaged(path, number, "the array has no end")
            return
        if text[place] == ("]" if in_array else "["):
            in_array = not in_array
            place += 1
            continue
        try:
            _, end = decode(text, place)
        except (ValueError, RecursionError) as error:
            left = len(text) - place
            more = source.read(max(_CHARACTERS, left)) if left < _LONGEST_RECORD else ""
            if not more:
                raise _damaged(path, number, str(error)) from error
            text, place = text[place:] + more, 0
            continue
        number += 1
        # In JSON a line break is never part of a value.
        line = text[place:end].replace("\n", " ").replace("\r", " ")
        yield line.encode("utf-8", "surrogateescape")
        place = end


def _damaged(path: Path, number: int, problem: str) -> RecordError:
    return RecordError(
        f"{path} is damaged after its record {number}: {problem}. Fetch it again, or turn what there is into JSON lines: "
        f"jq -c '.[]' {path.name} > {path.stem}.jsonl"
    )
