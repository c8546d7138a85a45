"""The result of a run: the documented shape of `report.json`.

`schema_version` is raised when a key changes its meaning or goes away; new keys may come at any time.
The JSON schema is `Report.model_json_schema()`.
"""

from typing import Literal

from pydantic import BaseModel, Field

from include.flywheel.config_types import WorkloadType
from include.flywheel.contamination import ContaminationCheck
from include.flywheel.drift.result import Drift
from include.flywheel.privacy.settings import PrivacySummary

Method = Literal["base", "icl", "customized"]
METHOD_OF: dict[str, Method] = {"base-eval": "base", "icl-eval": "icl", "customized-eval": "customized"}


class Score(BaseModel):
    """The mean of one score over the `n` scored records, and the interval that the true mean lies in.

    `unscored` counts the records without a score, such as those with an unreadable verdict; they are
    never taken as 0. `value`, `low` and `high` are null when nothing was scored. `spread` is the standard
    deviation of the scored values, null where they are all 0 or 1.
    """

    value: float | None = None
    n: int = 0
    unscored: int = 0
    low: float | None = None
    high: float | None = None
    spread: float | None = None


class Evaluation(BaseModel):
    """One evaluation. `not_run`: not planned; `stopped`: ended by a person; `error` says what failed.

    `scores` are over the `rows` records of the window's own eval set, `golden_scores` over the `golden_rows` of the golden
    set; a record of both counts in both.
    """

    status: Literal["complete", "failed", "stopped", "not_run"] = "not_run"
    scores: dict[str, Score] = Field(default_factory=dict)
    rows: int = 0
    golden_scores: dict[str, Score] = Field(default_factory=dict)
    golden_rows: int = 0
    model: str | None = None
    job_id: str | None = None
    error: str | None = None


class Customization(BaseModel):
    """A candidate's training. `elapsed_seconds` is the training's own time."""

    status: Literal["complete", "failed", "stopped", "not_run"] = "complete"
    job_id: str | None = None
    output_model: str | None = None
    config: str | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    elapsed_seconds: float = 0.0
    error: str | None = None


CandidateStatus = Literal["complete", "partial", "failed", "stopped"]


class Candidate(BaseModel):
    """What became of one candidate.

    `gpus` are those that serving it holds. `gpu_seconds` are training time × its GPUs + the deployment's
    life × its GPUs, from its creation on: the platform does not say how long it waited for them.
    """

    model: str
    status: CandidateStatus
    errors: list[str] = Field(default_factory=list)
    evaluations: dict[str, Evaluation] = Field(default_factory=dict)
    customization: Customization | None = None
    gpus: int = 1
    gpu_seconds: float = 0.0


class Records(BaseModel):
    """Where the records went: kept + all of set_aside = exported; train + validation + eval = kept.

    `golden` are the records of the golden set, from `golden_since`, a window; in the first run it is the eval set.
    """

    exported: int
    kept: int
    set_aside: dict[str, int]
    train: int
    validation: int
    eval: int
    golden: int = 0
    golden_since: str = ""


class Labels(BaseModel):
    """How much the production model contradicts itself, see `conflicts.Conflicts`; shares are of the kept records."""

    conflicting_prompts: int
    conflicting_records: int
    ceiling: float


class ReportWindow(BaseModel):
    """The half-open window [start, end), ISO times in UTC."""

    start: str
    end: str


class Recommendation(BaseModel):
    """What to do. `model` and `method` are null unless the verdict is `switch`.

    `rows_needed` estimates, for `cannot_tell`, how many eval records in all would decide; null when more would
    not help.
    """

    verdict: Literal["switch", "keep_incumbent", "cannot_tell"]
    model: str | None = None
    method: Method | None = None
    reasons: list[str] = Field(default_factory=list)
    rows_needed: int | None = None


class Report(BaseModel):
    """Everything a run found out."""

    schema_version: Literal[1] = 1
    run_id: str
    dag_id: str
    client_id: str
    workload_id: str
    workload_type: WorkloadType
    window: ReportWindow
    records: Records
    privacy: PrivacySummary = Field(default_factory=PrivacySummary)
    candidates: list[Candidate]
    recommendation: Recommendation
    dataset: str = ""
    labels: Labels | None = None
    contamination: ContaminationCheck | None = None
    bars: dict[str, float] = Field(default_factory=dict)
    confidence: float = 0.95
    drift: Drift | None = None
    notes: list[str] = Field(default_factory=list)
