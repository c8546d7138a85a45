"""From pydantic's validation errors to sentences that say which key to mend, and how."""

import copy
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

Location = Sequence[int | str]


def dotted(location: Location) -> str:
    """Write a location as a reader of the file would: `nims[0].gpus`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def problems_of(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """Return one sentence per error: key, problem, remedy. Values of secret keys are never repeated."""
    return [f"{dotted(e['loc'])}: {_sentence(e, root)}" for e in error.errors(include_url=False)]


def without_problems(data: Mapping[str, Any], error: ValidationError) -> dict[str, Any]:
    """Return a copy of the data without the values in error, so that the rest can be checked too."""
    pruned = copy.deepcopy(dict(data))
    for entry in error.errors():
        # What is missing cannot be taken out: its whole section goes instead.
        location = entry["loc"][:-1] if entry["type"] == "missing" else entry["loc"]
        parent: Any = pruned
        for part in location[:-1]:
            parent = parent[part] if _has(parent, part) else None
        if location and isinstance(parent, dict):
            parent.pop(location[-1], None)
    return pruned


def _has(container: object, part: int | str) -> bool:
    if isinstance(container, dict):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)


def _sentence(entry: Any, root: type[BaseModel]) -> str:
    key, value, context = str(entry["loc"][-1]), entry["input"], entry.get("ctx", {})
    if key == "api_key":
        return "holds a secret. Put the name of an environment variable into api_key_env and remove this line"
    match entry["type"]:
        case "extra_forbidden":
            known = sorted(_known_keys(root, entry["loc"][:-1]))
            if key in known:
                return "is given in another spelling, too. Keep one of the two"
            near = difflib.get_close_matches(key, known, n=1)
            return "unknown key. " + (
                f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}"
            )
        case "missing":
            return "is missing. Add it"
        case "literal_error":
            return f"{value!r} is not possible. Use {context['expected']}"
        case "too_short":
            return "is empty. Add at least one entry"
        case "model_type" | "model_attributes_type" | "list_type" | "dict_type":
            shape = "a list" if entry["type"] == "list_type" else "a section of keys"
            if value is None:
                return f"is empty. Remove the line, or write {shape} below it"
            return f"{_shown(value)} is no {shape.removeprefix('a ')}. Write {shape} below it"
        case "invalid_key":
            return f"{value!r} is no name of a setting. Remove it"
        case "string_pattern_mismatch" if key == "api_key_env":
            return (
                "is no name of an environment variable (capital letters, digits, _). Put the key into such a variable and "
                "its name here"
            )
        case "string_pattern_mismatch":
            return f"{value!r} is no name that the platform takes. Use letters, digits, dots and dashes, no blanks"
        case "value_error":
            return f"{_shown(value)} {context['error']}"
    message = entry["msg"].removeprefix("Input ")
    return f"{_shown(value)} {message[:1].lower()}{message[1:]}"


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__


def _known_keys(root: type[BaseModel], location: Location) -> set[str]:
    """Return the keys that the section at a location knows, old spellings included."""
    model: type[BaseModel] | None = root
    for part in location:
        if model is None or isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        model = _model_in(field.annotation) if field else None
    if model is None:
        return set()
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            keys |= {str(choice) for choice in field.validation_alias.choices}
    return keys - {"api_key"}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in `Model`, `Model | None` or `list[Model]`."""
    for choice in (annotation, *get_args(annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None
