import json
import re
from pathlib import Path
from typing import Any

from include.flywheel.compare import candidate_result
from include.flywheel.config import parse_config
from include.flywheel.curate import CurationSummary
from include.flywheel.drift.result import Drift, Finding
from include.flywheel.export import ExportSummary
from include.flywheel.manifest import DatasetSummary, LimitedTraining
from include.flywheel.privacy import PrivacySummary
from include.flywheel.report import make_report, markdown, write_report
from include.flywheel.results import Customization, Evaluation, Report
from include.flywheel.scores import score_of

ARGS = "function_name_and_args_accuracy"


def report(**changes: Any) -> Report:
    nims: list[dict[str, Any]] = [
        {"model_name": f"local/{n}", "context_length": 4096, "customization_enabled": True}
        for n in ("s", "l")
    ]
    nims[0]["max_tool_parameters"], nims[1]["max_tool_parameters"] = 2, 8
    config = parse_config({"nims": nims}, source="x")
    small, large = config.candidates
    exported = ExportSummary(
        exported=200, start="2025-10-01T00:00:00+00:00", end="2025-10-02T00:00:00+00:00",
        unreadable=1, unreadable_lines=["log.jsonl:7"], undated=0,
    )  # fmt: skip
    curated = CurationSummary(
        exported=200, kept=190, set_aside={"duplicate": 6, "no_answer": 4}, examples={},
        workload_type="tool_calling", conversations=30, tools={"f": 190}, prompt_tokens_mean=1, prompt_tokens_max=2,
    )  # fmt: skip
    dataset = DatasetSummary(
        name="flywheel-w-0123456789ab", workload_type="tool_calling", train=155, validation=15, eval=20, eval_rows=20,
        conversations={"train": 24, "validation": 3, "eval": 3}, files={},
        icl={4096: {"rows": 20, "examples": 30, "below_min_examples": 2, "over_context": 1}},
        limited={
            2: LimitedTraining(name="w-2", folder="parameters-2", train=0, validation=0, left_out=170, files={}),
            8: LimitedTraining(name="w-8", folder="parameters-8", train=90, validation=9, left_out=71, files={})},
    )  # fmt: skip
    score = score_of([1.0] * 98 + [0.0] * 2, rows=101, name=ARGS, confidence=0.95)
    evaluation = Evaluation(
        status="complete", scores={ARGS: score}, rows=101, job_id="eval-1", model="local/s"
    )
    training = Customization(job_id="cust-1", output_model="ns/m@cust-1", train_loss=0.5, val_loss=0.6)
    candidates = [
        candidate_result(
            large, planned=["base-eval"], evaluations={}, errors=["deployment failed: no image"]
        ),
        candidate_result(
            small,
            planned=["customized-eval"],
            evaluations={"customized-eval": evaluation},
            customization=training,
        ),
    ]
    return make_report(
        config=config, run_id="run-1", dag_id="flywheel", client_id="c", workload_id="w", exported=exported,
        curated=curated, dataset=dataset, candidates=candidates, **changes,
    )  # fmt: skip


def test_the_json_report_has_the_documented_shape(tmp_path: Path) -> None:
    path, _ = write_report(report(), tmp_path)
    data = json.loads(path.read_text())
    assert data["schema_version"] == 1
    assert (data["run_id"], data["dag_id"], data["client_id"], data["workload_id"]) == (
        "run-1",
        "flywheel",
        "c",
        "w",
    )
    assert data["window"] == {"start": "2025-10-01T00:00:00+00:00", "end": "2025-10-02T00:00:00+00:00"}
    assert data["records"] == {
        "exported": 200, "kept": 190, "set_aside": {"duplicate": 6, "no_answer": 4},
        "train": 155, "validation": 15, "eval": 20, "golden": 0, "golden_since": "",
    }  # fmt: skip
    small, large = data["candidates"]
    assert (small["model"], small["status"], large["status"]) == ("local/s", "complete", "failed")
    assert small["evaluations"]["customized-eval"]["scores"][ARGS]["value"] == 0.98
    assert small["evaluations"]["base-eval"]["scores"] == {}
    assert small["customization"]["output_model"] == "ns/m@cust-1"
    assert (small["customization"]["train_loss"], small["customization"]["val_loss"]) == (0.5, 0.6)
    assert isinstance(small["gpu_seconds"], float)
    assert large["errors"] == ["deployment failed: no image", "base-eval: gave no result"]
    assert (data["recommendation"]["verdict"], data["recommendation"]["model"]) == ("switch", "local/s")
    assert data["recommendation"]["method"] == "customized"
    assert Report.model_validate(data) == report()


def test_the_markdown_report_opens_with_the_verdict_and_names_what_went_wrong() -> None:
    text = markdown(report(notes=["a note"]), reproduce="make run")
    lines = text.splitlines()
    assert lines[2] == "**Switch to local/s, customized.**"
    assert text.index("## Candidates") < text.index("## Data") < text.index("## What went wrong")
    assert (
        "| local/s | 1 | function_name_and_args_accuracy | – | – | 0.98 (0.93–0.99, 100 rows, 1 unscored) | 0 |"
        in text
    )
    assert "| local/l | 1 | – | failed | – | – | 0 |" in text
    assert "- local/l (failed): deployment failed: no image" in text
    assert "duplicate: 6 (an earlier record has the same prompt, tools and answer)" in text
    assert "- a note" in text
    assert "```sh\nmake run\n```" in text


def test_drift_is_in_both_reports_and_its_absence_is_told() -> None:
    finding = Finding(topic="new_tools", severity="strong", sentence="New: reboot.", effect=0.1)
    drift = Drift(severity="strong", findings=[finding], plot="drift.svg")
    made = report(drift=drift)
    assert made.model_dump()["drift"]["findings"][0]["sentence"] == "New: reboot."
    assert "## Drift\n\n- **strong**: New: reboot." in markdown(made)
    assert "![Volume, tools and prompt lengths, window by window](drift.svg)" in markdown(made)
    without = report(notes=["Drift was not measured: no disk"])
    assert without.model_dump()["drift"] is None
    assert "## Drift\n\nNot measured; the notes say why." in markdown(without)


def test_the_notes_say_what_the_data_lack() -> None:
    notes = "\n".join(report().notes)
    assert "1 line(s) of the logs are no JSON object, first: log.jsonl:7" in notes
    assert "2 of 20 prompts of 4096 tokens have fewer than 1 example(s)" in notes
    assert "1 of 20 eval records are estimated not to fit into 4096 tokens" in notes
    assert (
        "local/l is trained without 71 of 170 records, which show a tool with more than 8 parameters" in notes
    )
    assert "local/s is not trained: it would be without 170 of 170 records" in notes


def test_names_and_errors_from_outside_stay_inside_their_line() -> None:
    made = report(notes=["two\nlines"])
    hostile = "a|b\n# <script>alert(1)</script> `x` *y* [z](http://w)"
    made = made.model_copy(update={"workload_id": hostile, "client_id": hostile})
    made.candidates[0].model = hostile
    made.candidates[1].errors.append("first line\nsecond | line")
    made.recommendation.reasons.append(hostile)
    text = markdown(made, reproduce="make run LOGS='```'")
    assert "<script>" not in text
    assert next(line for line in text.splitlines() if line.startswith("#")).endswith("(http://w)")
    assert sum(line.startswith("# ") for line in text.splitlines()) == 1
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {8}
    assert "- two lines" in text
    assert "first line second \\| line" in text
    assert "````sh\nmake run LOGS='```'\n````" in text


def test_personal_data_is_reported_in_counts_where_it_was_looked_for() -> None:
    assert "personal data" not in markdown(report())
    privacy = PrivacySummary(mode="replace", records=7, found={"person": 12, "email": 3})
    text = markdown(report().model_copy(update={"privacy": privacy}))
    assert "- personal data replaced in 7 records: email 3, person 12 (values, once per record)" in text
