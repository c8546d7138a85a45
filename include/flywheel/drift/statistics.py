"""What one window of a workload looks like: small enough to be kept for years."""

from array import array
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, NonNegativeInt, PositiveInt, model_validator

from include.flywheel import curate as curation
from include.flywheel.config_types import WorkloadType
from include.flywheel.drift.counts import Counts, Lengths, count, lengths

_DAY = 86400.0


class WindowStatistics(BaseModel):
    """The window [start, end) of one workload.

    `tools` counts the kept records by the first tool that they call; it is empty where answers are texts.
    `prompt_tokens` are estimates, `answer_tokens` what the production model's server has logged as
    `usage.completion_tokens`: null where it has not.
    """

    #: Raised when kept statistics can no longer be compared with newer ones.
    format_version: Literal[1] = 1
    client_id: str
    workload_id: str
    workload_type: WorkloadType
    start: AwareDatetime
    end: AwareDatetime
    exported: PositiveInt
    kept: PositiveInt
    set_aside: dict[str, NonNegativeInt]
    conversations: PositiveInt
    tools: Counts
    prompt_tokens: Lengths
    answer_tokens: Lengths | None = None

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.start >= self.end:
            raise ValueError("the window ends before it begins")
        return self

    @property
    def days(self) -> float:
        """How long the window is."""
        return (self.end - self.start).total_seconds() / _DAY

    @property
    def records_per_day(self) -> float:
        """The rate of exported records."""
        return self.exported / self.days

    @property
    def records_per_conversation(self) -> float:
        """How many kept records a conversation has."""
        return self.kept / self.conversations

    @property
    def judged(self) -> int:
        """The records that were looked at one by one: what only a limit leaves out says nothing about the logs."""
        return self.exported - self.set_aside.get("over_limit", 0)

    @property
    def refused(self) -> dict[str, int]:
        """The records set aside by reason, without those that only a limit leaves out."""
        return {reason: n for reason, n in self.set_aside.items() if reason != "over_limit"}


def window_statistics(
    curated: Path, *, client_id: str, workload_id: str, start: datetime, end: datetime
) -> WindowStatistics:
    """Read the statistics of a curated folder, from its index and summary. Raises RecordError when one is missing."""
    summary = curation.CurationSummary.model_validate_json(
        b"\n".join(curation.read_lines(curated / curation.SUMMARY))
    )
    numbers: dict[str, int] = {}
    tools: dict[str, int] = {}
    conversations, first_tools, callers = array("q"), array("q"), array("q")
    prompts, answers, answered = array("q"), array("q"), array("q")
    for entry in curation.index_entries(curated):
        conversation = numbers.setdefault(entry["conversation"], len(numbers))
        conversations.append(conversation)
        prompts.append(entry["prompt_tokens"])
        if entry["tools"]:
            first_tools.append(tools.setdefault(entry["tools"][0], len(tools)))
            callers.append(conversation)
        usage = entry["response"].get("usage")
        written = usage.get("completion_tokens") if isinstance(usage, dict) else None
        if type(written) is int and 0 <= written < 2**63:
            answers.append(written)
            answered.append(conversation)
    return WindowStatistics(
        client_id=client_id,
        workload_id=workload_id,
        workload_type=summary.workload_type,
        start=start,
        end=end,
        exported=summary.exported,
        kept=summary.kept,
        set_aside=summary.set_aside,
        conversations=len(numbers),
        tools=count(list(tools), first_tools, callers),
        prompt_tokens=lengths(prompts, conversations),
        answer_tokens=lengths(answers, answered) if answers else None,
    )
