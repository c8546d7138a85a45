"""Bodies made from the models of NVIDIA's client: one field after the other gets a right value, or a wrong one."""

import types
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Json = dict[str, Any]

WRONG = (5, "zz!", True, 1.5, [1], ["v"], [{"k": 5}], {"k": 5}, {"k": "v"})
"""Whatever the type of a field is, most of these are not of it."""
PLAIN = {
    str: "x",
    int: 1,
    float: 0.5,
    bool: True,
    datetime: "2025-06-10T18:22:31.104233",
    object: {"any": 1},
}


def right(model: type[BaseModel], depth: int) -> Iterator[Json]:
    """Yield the fields of `model`, each by itself with each kind of value that it may have, and so on below it."""
    for name, kinds in _fields(model):
        for kind in kinds:
            yield from ({name: value} for value in _values(kind))
        yield from ({name: value} for value in _below(kinds, right, depth))


def wrong(model: type[BaseModel], depth: int) -> Iterator[Json]:
    """Yield the fields of `model`, each by itself with values that may be of another type, and so on below it."""
    for name, kinds in _fields(model):
        yield from ({name: value} for value in (None, *WRONG))
        yield from ({name: value} for value in _below(kinds, wrong, depth))


def smallest(model: type[BaseModel]) -> Json:
    """Return the fields that `model` requires."""
    return {
        field.alias or name: next(_values(_kinds(field.annotation)[0]))
        for name, field in model.model_fields.items()
        if field.is_required()
    }


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, list[Any]]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, _kinds(field.annotation)


def _below(kinds: list[Any], vary: Any, depth: int) -> Iterator[Any]:
    for kind in kinds if depth else []:
        origin, inner = get_origin(kind), kind
        if origin in (list, dict):
            inner = get_args(kind)[-1]
        for one in _kinds(inner):
            if isinstance(one, type) and issubclass(one, BaseModel):
                for sent in vary(one, depth - 1):
                    part = {**smallest(one), **sent}
                    yield [part] if origin is list else {"k": part} if origin is dict else part


def _kinds(kind: Any) -> list[Any]:
    """Return the types that a value may have, without None."""
    if get_origin(kind) is Annotated:
        return _kinds(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [one for part in get_args(kind) if part is not type(None) for one in _kinds(part)]
    return [kind]


def _values(kind: Any) -> Iterator[Any]:
    origin = get_origin(kind)
    if origin is Literal:
        yield from get_args(kind)
    elif origin is list:
        yield [next(_values(_kinds(get_args(kind)[0])[0]))]
    elif origin is dict:
        yield {"k": next(_values(_kinds(get_args(kind)[1])[0]))}
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield smallest(kind)
    else:
        yield PLAIN[object if kind is Any else kind]
