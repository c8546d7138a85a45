"""The report of a run: `report.json` for programs, `report.md` for people."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from include.flywheel.compare import in_config_order
from include.flywheel.config import FlywheelConfig
from include.flywheel.curate import CurationSummary
from include.flywheel.drift.result import Drift
from include.flywheel.drift.section import drift_section
from include.flywheel.evaluation import scores_asked
from include.flywheel.export import ExportSummary
from include.flywheel.jsonl import replacing, write_json
from include.flywheel.manifest import DatasetSummary
from include.flywheel.markdown import plain as _plain
from include.flywheel.recommend import bars_for, recommend, shown
from include.flywheel.rejections import REASONS, in_order
from include.flywheel.results import METHOD_OF, Candidate, Evaluation, Labels, Records, Report, ReportWindow

JSON_FILE = "report.json"
MARKDOWN_FILE = "report.md"


def make_report(
    *,
    config: FlywheelConfig,
    run_id: str,
    dag_id: str,
    client_id: str,
    workload_id: str,
    exported: ExportSummary,
    curated: CurationSummary,
    dataset: DatasetSummary,
    candidates: Sequence[Candidate],
    drift: Drift | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Return the report of a run, with its recommendation; `notes` are added to those of the data.

    `drift` is None where it was not measured; a note says why.
    """
    ordered = in_config_order(candidates, config)
    asked = scores_asked(
        curated.workload_type, config.evaluation_config.tool_eval_type, config.llm_judge_config is not None
    )
    bars = bars_for(config.recommendation, asked)
    return Report(
        run_id=run_id,
        dag_id=dag_id,
        client_id=client_id,
        workload_id=workload_id,
        workload_type=curated.workload_type,
        window=ReportWindow(start=exported.start, end=exported.end),
        records=Records(
            exported=curated.exported,
            kept=dataset.train + dataset.validation + dataset.eval,
            set_aside=in_order({**curated.set_aside, **dataset.set_aside}),
            train=dataset.train,
            validation=dataset.validation,
            eval=dataset.eval,
            golden=dataset.golden,
            golden_since=dataset.golden_since,
        ),
        privacy=curated.privacy,
        candidates=ordered,
        recommendation=recommend(ordered, bars, config.recommendation.confidence),
        dataset=dataset.name,
        labels=Labels(
            conflicting_prompts=curated.conflicts.prompts,
            conflicting_records=curated.conflicts.records,
            ceiling=curated.conflicts.ceiling,
        ),
        contamination=dataset.contamination,
        bars=bars,
        confidence=config.recommendation.confidence,
        drift=drift,
        notes=[*config.notes(), *_data_notes(config, exported, dataset), *notes],
    )


def write_report(report: Report, folder: Path, *, reproduce: str = "") -> tuple[Path, Path]:
    """Write `report.json` and `report.md`, return their paths; `reproduce` is the command that runs it again."""
    write_json(folder / JSON_FILE, report.model_dump(mode="json"))
    with replacing(folder / MARKDOWN_FILE) as file:
        file.write(markdown(report, reproduce=reproduce).encode())
    return folder / JSON_FILE, folder / MARKDOWN_FILE


def markdown(report: Report, *, reproduce: str = "") -> str:
    """Return the report for people: verdict, table, data, drift, what went wrong, how to reproduce."""
    parts = [
        f"# Flywheel report: {_plain(report.workload_id)}",
        verdict(report),
        "\n".join(f"- {_plain(reason)}" for reason in report.recommendation.reasons),
        "## Candidates",
        _legend(report),
        _table(report, "scores"),
        *_golden(report),
        "## Data",
        _data(report),
        "## Drift",
        drift_section(report.drift),
    ]
    wrong = [f"- {_plain(f'{c.model} ({c.status}): {e}')}" for c in report.candidates for e in c.errors]
    wrong += [
        f"- {_plain(c.model)}: stopped" for c in report.candidates if c.status == "stopped" and not c.errors
    ]
    parts += ["## What went wrong", "\n".join(wrong) or "Nothing."]
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {_plain(note)}" for note in report.notes)]
    parts += ["## How to reproduce", _reproduce(report, reproduce)]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(report: Report) -> str:
    """Return the recommendation in one plain sentence."""
    recommendation = report.recommendation
    match recommendation.verdict:
        case "switch":
            how = {"base": "as it is", "icl": "with examples in the prompt", "customized": "customized"}
            said = f"Switch to {_plain(recommendation.model or '')}, {how[recommendation.method or 'base']}."
        case "keep_incumbent":
            said = "Keep the production model: no candidate is good enough."
        case _:
            said = "This run cannot tell which model to use."
            if recommendation.rows_needed:
                said += f" About {recommendation.rows_needed} eval records in all would decide."
    return f"**{said}**"


def _legend(report: Report) -> str:
    bars = ", ".join(f"{name} ≥ {bar:g}" for name, bar in report.bars.items()) or "none"
    return f"Bar: {bars}. Each score is a mean over the scored eval records with its {report.confidence:.0%} interval."


def _golden(report: Report) -> list[str]:
    """Return the scores on the golden set, unless it is this run's eval set."""
    records = report.records
    differ = any(
        e.golden_scores not in ({}, e.scores) for c in report.candidates for e in c.evaluations.values()
    )
    if not differ:
        return []
    return [
        "## Golden set",
        f"The same candidates on the {records.golden} eval records of {records.golden_since}, which every run of this "
        "workload evaluates: here runs can be compared with one another.",
        _table(report, "golden_scores"),
    ]


def _table(report: Report, kind: Literal["scores", "golden_scores"]) -> str:
    lines = [
        "| candidate | GPUs | score | base | ICL | customized | GPU seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for candidate in report.candidates:
        names = list(dict.fromkeys(n for e in candidate.evaluations.values() for n in getattr(e, kind))) or [
            "–"
        ]
        for position, name in enumerate(names):
            cells = [_cell(candidate.evaluations.get(e, Evaluation()), name, kind) for e in METHOD_OF]
            head = (_plain(candidate.model), str(candidate.gpus)) if position == 0 else ("", "")
            cost = f"{candidate.gpu_seconds:.0f}" if position == 0 else ""
            lines.append(f"| {' | '.join([*head, name, *cells, cost])} |")
    return "\n".join(lines)


def _cell(evaluation: Evaluation, name: str, kind: Literal["scores", "golden_scores"]) -> str:
    if evaluation.status == "not_run":
        return "–"
    scores = getattr(evaluation, kind)
    if evaluation.status != "complete" or name not in scores:
        return evaluation.status if evaluation.status != "complete" else "–"
    return shown(scores[name])


def _data(report: Report) -> str:
    records = report.records
    lines = [
        f"Workload {_plain(report.workload_id)} of client {_plain(report.client_id)} ({report.workload_type}), from "
        f"{report.window.start} up to {report.window.end}.",
        "",
        f"- exported: {records.exported}",
        f"- kept: {records.kept} (train {records.train}, validation {records.validation}, eval {records.eval})",
        f"- set aside: {records.exported - records.kept}",
    ]
    lines += [f"  - {name}: {count} ({REASONS.get(name, name)})" for name, count in records.set_aside.items()]
    lines += _labels(report)
    if (check := report.contamination) is not None:
        lines.append(
            f"- contamination: none. {check.train_conversations} conversations and {check.train_prompts} prompts of "
            f"training and validation were compared with all {check.eval_conversations} conversations and "
            f"{check.eval_prompts} prompts that this workload was ever evaluated on"
        )
    if report.privacy.mode != "off":
        lines.append(_privacy(report))
    lines.append(f"- dataset: `{report.dataset}`")
    return "\n".join(lines)


def _labels(report: Report) -> list[str]:
    if not report.labels or not report.labels.conflicting_prompts:
        return []
    return [
        f"- conflicting labels: {report.labels.conflicting_prompts} prompt(s) were answered in more than one way, "
        f"{report.labels.conflicting_records} records; whoever answers each in one way is right in at most "
        f"{report.labels.ceiling:.1%} of all"
    ]


def _privacy(report: Report) -> str:
    privacy = report.privacy
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(privacy.found.items())) or "nothing"
    done = "replaced" if privacy.mode == "replace" else "found, left as it is,"
    return f"- personal data {done} in {privacy.records} records: {counts} (values, once per record)"


def _reproduce(report: Report, command: str) -> str:
    lines = [
        f"Run `{report.run_id}` of DAG `{report.dag_id}`. The same window and configuration give the same data."
    ]
    if command:
        # A fence longer than any in the command, so that nothing in it ends the block.
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
        lines += ["", f"{fence}sh", command, fence]
    return "\n".join(lines)


def _data_notes(config: FlywheelConfig, exported: ExportSummary, dataset: DatasetSummary) -> list[str]:
    notes = []
    if exported.unreadable:
        named = ", ".join(exported.unreadable_lines)
        notes.append(f"{exported.unreadable} line(s) of the logs are no JSON object, first: {named}")
    if exported.undated:
        notes.append(f"{exported.undated} record(s) have no readable timestamp")
    if dataset.eval < config.data_split_config.eval_size:
        notes.append(
            f"the eval set has {dataset.eval} of {config.data_split_config.eval_size} records: conversations are "
            "not divided, and none of the right size was left"
        )
    for nim in config.candidates:
        limited = dataset.limited.get(nim.max_tool_parameters or 0)
        if limited is None:
            continue
        how = "trained" if limited.train else "not trained: it would be"
        notes.append(
            f"{nim.name} is {how} without {limited.left_out} of {dataset.train + dataset.validation} records, which show a tool "
            f"with more than {nim.max_tool_parameters} parameters (max_tool_parameters); it is evaluated on all eval records"
        )
    least = config.icl_config.min_examples
    for context, counts in dataset.icl.items():
        if counts["below_min_examples"]:
            notes.append(
                f"{counts['below_min_examples']} of {counts['rows']} prompts of {context} tokens have fewer than "
                f"{least} example(s): no more fit by estimate"
            )
        if counts["over_context"]:
            notes.append(
                f"{counts['over_context']} of {counts['rows']} eval records are estimated not to fit into {context} "
                "tokens with the reserve, even without examples"
            )
    return notes
