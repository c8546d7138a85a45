"""Contradictions between settings that are each fine alone."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from croniter import croniter

from include.flywheel.errors import ConfigError
from include.flywheel.icl import MIN_EXAMPLE_TOKENS
from include.flywheel.logs.place import index_place

if TYPE_CHECKING:
    from include.flywheel.config import FlywheelConfig

#: Airflow's presets that have an interval; @once and @continuous have none to read logs of.
_PRESETS = {"@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"}
_CRON_FIELDS = 5

#: Tasks of the DAG beside the candidates' groups, which are named after their models.
_RESERVED = {"preflight", "compare", "judge", "embedding"}


def contradictions(config: "FlywheelConfig") -> list[str]:
    """Return one sentence per contradiction: the dotted key, the problem, the remedy."""
    return [
        *_models(config),
        *_split(config),
        *_icl(config),
        *_judge(config),
        *_bars(config),
        *_gpus(config),
        *_workloads(config),
        *_logs(config),
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
    for index, nim in enumerate(config.nims):
        if nim.slug in _RESERVED:
            yield f"nims[{index}].model_name: {nim.slug} is the name of a task. Give the model's full name, org/name"
        if nim.max_tool_parameters and not nim.customization_enabled:
            yield (
                f"nims[{index}].max_tool_parameters: {nim.name} is not customized, so nothing is trained that it would "
                "limit. Remove it or set customization_enabled"
            )
        if nim.model_type == "llm" and not config.evaluations_of(nim):
            yield (
                f"nims[{index}].evaluation: base and icl are off and {nim.name} is not customized, so nothing of it "
                "would be evaluated. Switch one on or remove the model"
            )


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
            needed = max(icl.min_examples, 1) * MIN_EXAMPLE_TOKENS
            if context - icl.reserved_tokens < needed:
                yield (
                    f"icl_config.reserved_tokens: {icl.reserved_tokens} of the {context} tokens of nims[{index}] "
                    f"({nim.name}) leave no room for {max(icl.min_examples, 1)} example(s) of {MIN_EXAMPLE_TOKENS} tokens. "
                    "Lower it or min_examples, raise the context, or set evaluation.icl: false for this model"
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
    elif icl.similarity_config and icl.similarity_config.elasticsearch:
        yield (
            f"icl_config.similarity_config.elasticsearch: is set, but icl_config.example_selection is {icl.example_selection}, "
            "which searches nothing. Set that to semantic_similarity, or this to null"
        )


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


def _bars(config: "FlywheelConfig") -> Iterator[str]:
    """Find bars that somebody set for scores that nobody is going to give."""
    set_bars = {
        name for name in config.recommendation.model_fields_set if getattr(config.recommendation, name)
    }
    if config.llm_judge_config is None and "tool_calling_correctness" in set_bars:
        yield (
            "recommendation.tool_calling_correctness: is given by a judge, and there is none. Add llm_judge_config or "
            "set it to null"
        )
    if config.evaluation_config.tool_eval_type == "tool-calling-judge":
        for name in sorted(set_bars & {"function_name", "function_name_and_args_accuracy"}):
            yield (
                f"recommendation.{name}: is not given by evaluation_config.tool_eval_type tool-calling-judge. Set a bar "
                "for tool_calling_correctness and this one to null"
            )


def _gpus(config: "FlywheelConfig") -> Iterator[str]:
    budget = config.gpu_budget
    if budget is None:
        return
    judge = config.llm_judge_config
    judge_gpus = judge.serving_gpus if judge and judge.is_local else 0
    embedding = config.embedding
    # Alone: it is released before candidates train, and before a judge is deployed.
    if embedding and embedding.is_local and embedding.serving_gpus > budget:
        yield (
            f"icl_config.similarity_config.embedding_nim_config.gpus: serving {embedding.model_name} needs "
            f"{embedding.serving_gpus} GPUs, more than gpu_budget ({budget}). Raise gpu_budget or lower gpus"
        )
    for index, nim in enumerate(config.nims):
        if nim.model_type != "llm":
            continue
        nodes = nim.customizer.num_nodes
        each = f" ({nim.customizer.gpus} on each of {nodes} nodes)" if nodes > 1 else ""
        lower = "lower gpus or num_nodes" if nodes > 1 else "lower gpus"
        if nim.training_gpus > budget:
            yield (
                f"nims[{index}].customizer_configs: training {nim.name} needs {nim.training_gpus} GPUs{each}, more "
                f"than gpu_budget ({budget}). Raise gpu_budget or {lower}"
            )
        elif nim.training_gpus + judge_gpus > budget and len(config.candidates) > 1:
            # The judge serves the first candidates while the last one still trains.
            yield (
                f"nims[{index}].customizer_configs: training {nim.name} needs {nim.training_gpus} GPUs{each} beside the "
                f"{judge_gpus} of the local judge, more than gpu_budget ({budget}): they would wait for each other. Raise "
                f"gpu_budget, {lower}, or use a remote judge"
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
        if workload.schedule is not None and not _is_schedule(workload.schedule):
            yield (
                f"workloads[{index}].schedule: {workload.schedule!r} is no schedule. Use a cron expression of five "
                f"fields or one of {', '.join(sorted(_PRESETS))}"
            )


def _logs(config: "FlywheelConfig") -> Iterator[str]:
    places = {"logs": config.logs} | {
        f"workloads[{index}].logs": workload.logs for index, workload in enumerate(config.workloads)
    }
    for key, logs in places.items():
        try:
            index_place(logs or "")
        except ConfigError as error:
            yield f"{key}: {error.problems[0]}"


def _is_schedule(text: str) -> bool:
    return text in _PRESETS or (len(text.split()) == _CRON_FIELDS and croniter.is_valid(text))
