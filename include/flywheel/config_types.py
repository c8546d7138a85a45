"""What the sections of the configuration file are made of."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

WorkloadType = Literal["generic", "tool_calling"]
Count = Annotated[int, Field(ge=1)]
Ratio = Annotated[float, Field(ge=0, le=1)]


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

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
