"""What the report says about drift."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

Severity = Literal["none", "notice", "strong"]
Topic = Literal[
    "workload_type",
    "volume",
    "new_tools",
    "gone_tools",
    "tool_mix",
    "prompt_length",
    "answer_length",
    "set_aside",
    "embedding",
]
_GRAVITY: dict[Severity, int] = {"strong": 0, "notice": 1, "none": 2}


class Finding(BaseModel):
    """One comparison in a plain sentence.

    `effect` is the size of the change, in the unit of the topic: a ratio to the median (volume), a share of the records
    (new_tools, gone_tools), a Jensen–Shannon distance (tool_mix), doublings (lengths), Cohen's h (set_aside),
    Cliff's delta (embedding).
    """

    topic: Topic
    severity: Severity
    sentence: str
    effect: float | None = None


class Figure(BaseModel):
    """One number of this window beside the median, lowest and highest of the previous ones; null where there is none."""

    name: str
    current: float
    median: float | None = None
    low: float | None = None
    high: float | None = None


class Span(BaseModel):
    """A half-open window [start, end), ISO times in UTC."""

    start: str
    end: str


class Drift(BaseModel):
    """How a window differs from the `previous` ones, oldest first. `severity` is that of the gravest finding.

    `plot` is a file beside the report. `notes` name kept statistics that could not be read.
    """

    severity: Severity = "none"
    findings: list[Finding] = Field(default_factory=list)
    figures: list[Figure] = Field(default_factory=list)
    previous: list[Span] = Field(default_factory=list)
    plot: str | None = None
    notes: list[str] = Field(default_factory=list)

    def joined(self, more: "Drift") -> "Drift":
        """Return this with the findings, figures and notes of what was compared elsewhere."""
        findings = gravest_first([*self.findings, *more.findings])
        return self.model_copy(
            update={
                "severity": findings[0].severity if findings else "none",
                "findings": findings,
                "figures": [*self.figures, *more.figures],
                "notes": [*self.notes, *more.notes],
            }
        )


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by severity; equally grave ones stay in their order."""
    return sorted(findings, key=lambda finding: _GRAVITY[finding.severity])
