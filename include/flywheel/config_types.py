"""What the sections of the configuration file are made of."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

WorkloadType = Literal["generic", "tool_calling"]
Ratio = Annotated[float, Field(ge=0, le=1)]


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Count = Annotated[int, Field(ge=1), BeforeValidator(_no_bool)]


def _http_url(value: str) -> str:
    if not re.match(r"https?://[^/\s]+", value):
        raise ValueError("must be an http:// or https:// URL")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


def slug(name: str) -> str:
    """Return a name in lower-case letters, digits and single dashes: safe in task and repository names."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


class Section(BaseModel):
    """One section: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())
