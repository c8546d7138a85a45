"""Records as no logger should write them: one mutation after another, each drawn from a seeded generator."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import orjson

Spot = tuple[Any, Any]
"""A container, and a key or an index in it."""

#: Stand for JSON that Python cannot hold or would not write; replaced in the text.
_RAW = {
    "raw:deep list": b"[" * 3000 + b"]" * 3000,
    "raw:deep object": b'{"a":' * 300 + b"1" + b"}" * 300,
    **{f"raw:{levels} levels": b"[" * levels + b"]" * levels for levels in (236, 240, 244, 248, 252, 1015)},
    "raw:digits": b"9" * 5000,
    "raw:exponent": b"1e999",
    "raw:leading zero": b"007",
    "raw:control": b'"\x00\x1f"',
    "raw:broken utf-8": b'"\xff\xc3("',
    "raw:half a pair": b'"\\ud800"',
    "raw:pair the wrong way": b'"\\udc00\\ud83d"',
    "raw:comment": b"/**/1",
    "raw:two keys": b'{"role":"user","role":5,"role":"assistant"}',
}
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, -0.0, 1e308, float("nan"), float("-inf"), 2**53 + 1),
    *(2**63, 2**64, -(2**63) - 1, 10**300),
    *("", " ", "\n", "\x00", "null", "{}", "[]", '{"a": NaN}', '{"a": 1e999}'),
    *("\ud800", "é" * 9, "😀", "\u2028"),
    *([], {}, [[]], [None], [0], [""], [{}], {"": None}, {"function": None}, {"a": {"b": []}}),
    *({"role": "user"}, {"type": "text", "text": 5}, [{"type": "text", "text": "part"}, "part", 5]),
    *_RAW,
)
#: As text, where arguments of tool calls are read.
_DEEP_TEXTS = tuple('{"a":' * levels + "1" + "}" * levels for levels in (200, 239, 240, 241, 246, 250, 1015))
_TIMES: tuple[Any, ...] = (
    *("soon", "", "NaN", "-inf", "1e400", "20251001", "2025-10-01", "2025-13-45", "９９", "1_000", "0x10"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2025-10-01T00:00:00+99:00", "2025-W40"),
    *(-5, 0, 1e11, 1e12, 1e18, 1e20, 1e30, 10**30, float("nan"), float("inf"), True, None, [], {}, 0.25),
)
_ROLES: tuple[Any, ...] = (
    *("wizard", "system", "developer", "user", "assistant", "tool", "function", "", "User", None, ["user"]),
)
#: About one string in this many is a megabyte long.
_LARGE = 1_000


def mutated(rng: Random, record: Any) -> bytes:
    """Return a record with one to three mutations as one line of a log; now and then the line itself is damaged."""
    root = [orjson.loads(orjson.dumps(record))]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(_MUTATIONS)(rng, root)
    text = json.dumps(root[0] if root else None, ensure_ascii=rng.random() < 0.5, separators=(",", ":"))
    line = text.encode("utf-8", "surrogatepass")
    for name, raw in _RAW.items():
        line = line.replace(json.dumps(name).encode(), raw)
    return rng.choice(_DAMAGES)(rng, line) if rng.random() < 0.1 else line


def _spots(root: Any) -> Iterator[Spot]:
    waiting = [root]
    while waiting:
        container = waiting.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            yield container, key
            if isinstance(container[key], dict | list):
                waiting.append(container[key])


def _spot(rng: Random, root: Any) -> Spot:
    """Return a place at a random depth, mostly where there is something below it: else most would be whose record it is."""
    container, key = root, 0
    while rng.random() < 0.85 and isinstance(container[key], dict | list) and container[key]:
        container = container[key]
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        deep = [each for each in keys if isinstance(container[each], dict | list)]
        key = rng.choice(deep if deep and rng.random() < 0.7 else keys)
    return container, key


def _replace(rng: Random, root: Any) -> None:
    container, key = _spot(rng, root)
    if container is root and rng.random() < 0.9:
        return  # A line that is no record is soon told.
    container[key] = "x" * 1_000_000 if not rng.randrange(_LARGE) else copy.deepcopy(rng.choice(_ODD))


def _delete(rng: Random, root: Any) -> None:
    container, key = _spot(rng, root)
    if container is not root:
        del container[key]


def _duplicate(rng: Random, root: Any) -> None:
    container, key = _spot(rng, root)
    again = copy.deepcopy(container[key])
    if isinstance(container, dict):
        container[rng.choice(("again", *container))] = again
    elif container is not root:
        container.insert(rng.randrange(len(container) + 1), again)


def _wrap(rng: Random, root: Any) -> None:
    container, key = _spot(rng, root)
    value = container[key]
    container[key] = rng.choice(([value], {"value": value}, json.dumps(value), str(value)))


def _swap(rng: Random, root: Any) -> None:
    (one, here), (other, there) = _spot(rng, root), _spot(rng, root)
    one[here], other[there] = copy.deepcopy(other[there]), copy.deepcopy(one[here])


def _empty(rng: Random, root: Any) -> None:
    container, key = _spot(rng, root)
    if isinstance(container[key], dict | list):
        container[key].clear()


def _of_key(name: str, values: tuple[Any, ...]) -> Callable[[Random, Any], None]:
    """Return a mutation that gives some key of this name, wherever it is, another value."""

    def mutate(rng: Random, root: Any) -> None:
        found = [(container, key) for container, key in _spots(root) if key == name]
        if found:
            container, key = rng.choice(found)
            container[key] = copy.deepcopy(rng.choice(values))

    return mutate


def _exchange(_: Random, root: Any) -> None:
    if isinstance(root[0], dict):
        root[0]["request"], root[0]["response"] = root[0].get("response"), root[0].get("request")


#: Keys that decide what a record is; a walk to a random place meets each too seldom.
_KEYS = (
    *(
        "client_id",
        "workload_id",
        "tools",
        "tool_choice",
        "messages",
        "content",
        "tool_calls",
        "function",
        "name",
    ),
    *("choices", "message", "finish_reason", "metadata", "conversation_id"),
)
_MUTATIONS: tuple[Callable[[Random, Any], None], ...] = (
    *(_replace, _replace, _delete, _delete, _duplicate, _wrap, _swap, _empty, _exchange),
    *(_of_key(name, _ODD) for name in _KEYS),
    _of_key("arguments", (*_ODD, *_DEEP_TEXTS)),
    _of_key("role", _ROLES),
    _of_key("timestamp", _TIMES),
)


def _cut(rng: Random, line: bytes) -> bytes:
    return line[: rng.randrange(len(line))]


def _insert(rng: Random, line: bytes) -> bytes:
    at = rng.randrange(len(line))
    piece = rng.choice(
        (b"\xff", b"\x00", b"\xed\xa0\x80", b"\n", b"\r", b"\\", b'"', b"{", b"]", b"\xef\xbb\xbf", b" ")
    )
    return line[:at] + piece + line[at:]


def _repeat_key(rng: Random, line: bytes) -> bytes:
    places = [at for at, byte in enumerate(line[:2000]) if byte == ord("{")]
    at = rng.choice(places or [0]) + 1
    key = rng.choice((b"request", b"messages", b"role", b"timestamp", b"workload_id", b"tools"))
    return line[:at] + b'"' + key + b'":' + rng.choice((b"5,", b"null,", b"[],", b'{"a":1},')) + line[at:]


def _twice(_: Random, line: bytes) -> bytes:
    return line + line


_DAMAGES: tuple[Callable[[Random, bytes], bytes], ...] = (_cut, _cut, _insert, _insert, _repeat_key, _twice)
