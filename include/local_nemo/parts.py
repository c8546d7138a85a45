"""What request bodies are made of: named things, their parts, and references to things by name.

Known fields have their types, so that whatever is kept can be read back by strict clients. Unknown fields are
kept as they come, for clients of other versions.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Tag
from pydantic_core import PydanticCustomError

T = TypeVar("T")

Precision = Literal["int8", "bf16", "fp16", "fp32", "fp8-mixed", "bf16-mixed"]


def _path_part(text: str) -> str:
    if not text or "/" in text or text in (".", ".."):
        raise PydanticCustomError("path_part", "Input should be a name without '/' that is not empty")
    return text


PathPart = Annotated[str, AfterValidator(_path_part)]
"""A name that is one part of a path: nothing else could be asked for again."""


BY_NAME, IN_PLACE = "(by name)", "(in place)"
"""Tags that are no names of fields: they stand among those in the places of errors."""


def _how(value: object) -> str:
    return BY_NAME if isinstance(value, str) else IN_PLACE


NameOr = Annotated[Annotated[str, Tag(BY_NAME)] | Annotated[T, Tag(IN_PLACE)], Discriminator(_how)]
"""The name of something that is there, or the thing itself; errors are those of the one that was sent."""


class Part(BaseModel):
    """A part of a body."""

    # JSON has no NaN and no infinity, although the texts "nan" and "inf" can be read as numbers.
    model_config = ConfigDict(extra="allow", protected_namespaces=(), allow_inf_nan=False)


class Ownership(Part):
    """Who made a thing and may use it."""

    created_by: str | None = None
    updated_by: str | None = None
    access_policies: dict[str, str] | None = None


class VersionTag(Part):
    """A name for a version."""

    name: str
    created_at: datetime | None = None
    created_by: str | None = None


class Described(Part):
    """The fields that anything may have, whether it is kept for itself or inside something else."""

    id: str | None = None
    name: str | None = None
    namespace: str | None = None
    description: str | None = None
    project: str | None = None
    custom_fields: dict[str, Any] | None = None
    ownership: Ownership | None = None
    schema_version: str | None = None
    type_prefix: str | None = None
    version_id: str | None = None
    version_tags: list[VersionTag] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Entity(Described):
    """Something that is kept for itself, under its name."""

    name: PathPart | None = None
    namespace: PathPart | None = None
