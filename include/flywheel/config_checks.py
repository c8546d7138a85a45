"""Contradictions between settings that are each fine alone."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.flywheel.config import FlywheelConfig

#: Airflow's own presets and a cron expression of five or six fields.
_SCHEDULE = re.compile(r"@(once|continuous|hourly|daily|weekly|monthly|quarterly|yearly)|\S+( \S+){4,5}")


def contradictions(config: "FlywheelConfig") -> list[str]:
    """Return one sentence per contradiction: the dotted key, the problem, the remedy."""
    return [
        *_models(config),
        *_split(config),
        *_icl(config),
        *_judge(config),
        *_gpus(config),
        *_workloads(config),
    ]


def _models(config: "FlywheelConfig") -> Iterator[str]:
    for index, nim in enumerate(config.nims):
        if not nim.model_name:
            yield f"nims[{index}].model_name: is missing. Add it"
    if not config.candidates:
        yield "nims: no candidate with model_type llm. Add one"
    for name, count in Counter(nim.name for nim in config.nims).items():
        if count > 1 and name:
            yield f"nims: {name} is listed {count} times. Keep one"
    slugs: dict[str, str] = {}
    for nim in config.nims:
        other = slugs.setdefault(nim.slug, nim.name)
        if other != nim.name:
            yield f"nims: {other} and {nim.name} would both be named {nim.slug}. Rename one"


def _split(config: "FlywheelConfig") -> Iterator[str]:
    split = config.data_split_config
    if split.limit is not None and split.eval_size >= split.limit:
        yield (
            f"data_split_config.eval_size: {split.eval_size} of at most {split.limit} records (limit) leaves none "
            "to train on. Lower eval_size or raise limit"
        )
    if config.icl_config.max_examples > split.eval_size:
        yield (
            f"icl_config.max_examples: {config.icl_config.max_examples} is more than data_split_config.eval_size "
            f"({split.eval_size}). Lower max_examples or raise eval_size"
        )


def _icl(config: "FlywheelConfig") -> Iterator[str]:
    icl = config.icl_config
    if icl.min_examples > icl.max_examples:
        yield f"icl_config.min_examples: {icl.min_examples} is more than max_examples ({icl.max_examples}). Lower it"
    for index, nim in enumerate(config.nims):
        if nim.model_type == "llm" and "icl-eval" in config.evaluations_of(nim):
            context = config.icl_context(nim)
            if icl.reserved_tokens >= context:
                yield (
                    f"icl_config.reserved_tokens: {icl.reserved_tokens} of the {context} tokens of nims[{index}] "
                    f"({nim.name}) leave no room for examples. Lower it, raise the context, or set evaluation.icl: "
                    "false for this model"
                )
    if icl.example_selection == "semantic_similarity":
        embedding = icl.similarity_config.embedding_nim_config if icl.similarity_config else None
        where = "icl_config.similarity_config.embedding_nim_config"
        if embedding is None:
            yield f"{where}: is missing, semantic_similarity needs it. Add it or use uniform_distribution"
        elif not embedding.model_name:
            yield f"{where}.model_name: is missing. Add it"
        elif not embedding.is_local and not embedding.url:
            yield f"{where}.url: is missing for a remote model. Add the full endpoint URL"


def _judge(config: "FlywheelConfig") -> Iterator[str]:
    judge = config.llm_judge_config
    evaluation = config.evaluation_config
    if judge is None:
        asked = evaluation.workload_type == "generic" or (
            evaluation.workload_type == "tool_calling" and evaluation.tool_eval_type == "tool-calling-judge"
        )
        if asked:
            yield "llm_judge_config: is missing, evaluation_config asks for a judge. Add it"
        return
    if not judge.model_name:
        yield "llm_judge_config.model_name: is missing. Add it"
    if not judge.is_local and not judge.url:
        yield "llm_judge_config.url: is missing for a remote judge. Add the full endpoint URL"


def _gpus(config: "FlywheelConfig") -> Iterator[str]:
    budget = config.gpu_budget
    if budget is None:
        return
    judge = config.llm_judge_config
    judge_gpus = judge.serving_gpus if judge and judge.is_local else 0
    for index, nim in enumerate(config.nims):
        if nim.training_gpus > budget:
            yield (
                f"nims[{index}].customizer_configs.gpus: training {nim.name} needs {nim.training_gpus} GPUs, more "
                f"than gpu_budget ({budget}). Raise gpu_budget or lower gpus"
            )
        if nim.serving_gpus + judge_gpus > budget:
            beside = f" beside the {judge_gpus} of the local judge" if judge_gpus else ""
            yield (
                f"nims[{index}].gpus: serving {nim.name} needs {nim.serving_gpus} GPUs{beside}, more than gpu_budget "
                f"({budget}). Raise gpu_budget or lower gpus"
            )


def _workloads(config: "FlywheelConfig") -> Iterator[str]:
    for name, count in Counter((w.client_id, w.workload_id) for w in config.workloads).items():
        if count > 1:
            yield f"workloads: {name[1]} of {name[0]} is listed {count} times. Keep one"
    for dag_id, count in Counter(workload.dag_id for workload in config.workloads).items():
        if count > 1:
            yield f"workloads: {count} of them would have the DAG {dag_id}. Keep one, or run the others by the DAG flywheel"
    for index, workload in enumerate(config.workloads):
        if workload.schedule is not None and not _SCHEDULE.fullmatch(workload.schedule.strip()):
            yield (
                f"workloads[{index}].schedule: {workload.schedule!r} is no schedule. Use a cron expression of five "
                "fields or a preset such as @daily"
            )
