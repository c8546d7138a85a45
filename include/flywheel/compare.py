"""One candidate's pieces put together: what was planned, what came of it, what it cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from include.flywheel.config import FlywheelConfig
from include.flywheel.config_models import NimConfig
from include.flywheel.errors import RecordError
from include.flywheel.evalset import GOLDEN, ROLLING
from include.flywheel.results import METHOD_OF, Candidate, CandidateStatus, Customization, Evaluation
from include.flywheel.scores import of_set, read_samples, scores_of


def score_evaluation(
    results: Path, *, rows: Mapping[str, int], model: str | None, job_id: str | None, confidence: float
) -> Evaluation:
    """Return a finished evaluation from its `results.json`; `rows` is how many records of each eval set it was to grade.

    It counts as failed, with the reason, when the results cannot be read or not a single record was scored.
    """
    rolling, golden = rows.get(ROLLING, 0), rows.get(GOLDEN, 0)
    found = Evaluation(status="failed", rows=rolling, golden_rows=golden, model=model, job_id=job_id)
    try:
        samples = read_samples(results)
    except RecordError as error:
        return found.model_copy(update={"error": str(error)})
    scores = scores_of(of_set(samples, ROLLING), rows=rolling, confidence=confidence)
    if not any(score.n for score in scores.values()):
        nothing = f"none of {rolling} records could be scored"
        return found.model_copy(update={"scores": scores, "error": nothing})
    golden_scores = scores_of(of_set(samples, GOLDEN), rows=golden, confidence=confidence) if golden else {}
    return found.model_copy(update={"status": "complete", "scores": scores, "golden_scores": golden_scores})


def candidate_result(
    nim: NimConfig,
    *,
    planned: Sequence[str],
    evaluations: Mapping[str, Evaluation],
    customization: Customization | None = None,
    errors: Sequence[str] = (),
    stopped: bool = False,
    deployment_seconds: float = 0.0,
) -> Candidate:
    """Return what became of a candidate.

    `planned` are the names of its evaluations (`FlywheelConfig.evaluations_of`). A planned one that is
    not handed in failed. Status: `stopped` when a person ended it, else `complete`, `partial` or
    `failed` when all, some or none of the planned evaluations have scores. Errors of its parts are added
    to `errors`, each once.
    """
    found = {name: _evaluation(name, planned, evaluations, stopped) for name in METHOD_OF}
    complete = [name for name in planned if found[name].status == "complete"]
    said = list(errors)
    if customization is not None and customization.error:
        said.append(f"customization: {customization.error}")
    said += [f"{name}: {found[name].error}" for name in planned if found[name].error]
    status: CandidateStatus = (
        "complete" if len(complete) == len(planned) else "partial" if complete else "failed"
    )
    training_seconds = customization.elapsed_seconds if customization else 0.0
    return Candidate(
        model=nim.name,
        status="stopped" if stopped else status,
        errors=list(dict.fromkeys(said)),
        evaluations=found,
        customization=customization,
        gpus=nim.serving_gpus,
        gpu_seconds=round(training_seconds * nim.training_gpus + deployment_seconds * nim.serving_gpus, 3),
    )


def _evaluation(
    name: str, planned: Sequence[str], evaluations: Mapping[str, Evaluation], stopped: bool
) -> Evaluation:
    if name in evaluations:
        return evaluations[name]
    if name not in planned:
        return Evaluation()
    return Evaluation(status="stopped") if stopped else Evaluation(status="failed", error="gave no result")


def in_config_order(candidates: Sequence[Candidate], config: FlywheelConfig) -> list[Candidate]:
    """Return candidates in the order of the configuration file: that of their price where GPUs are equal."""
    order = {nim.name: position for position, nim in enumerate(config.candidates)}
    return sorted(candidates, key=lambda candidate: order.get(candidate.model, len(order)))
