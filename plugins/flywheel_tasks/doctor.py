"""All that a run needs, asked before it: the checks of `make doctor` and of the preflight task."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from urllib.parse import urlsplit

from flywheel_tasks.embedding import check_search, embedding_key, embeddings_hook, key_source, token_counter
from flywheel_tasks.settings import flywheel_config
from flywheel_tasks.storage_checks import PATIENCE, artifacts_check, explained, logs_check
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_models import EmbeddingConfig, JudgeConfig, NimConfig
from include.flywheel.customization import customization_config
from include.flywheel.deployment import deployment_body
from include.flywheel.errors import FlywheelError
from include.flywheel.logs.place import URL_VARIABLE
from nemo_provider.checks import Check, CheckError, Finding, NotTold, run_checks
from nemo_provider.customization_checks import base_model_check, config_check, held_gpus, target_check
from nemo_provider.hooks.chat import ChatHook
from nemo_provider.hooks.datastore import DatastoreHook
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.model_checks import model_check
from nemo_provider.platform_checks import READY, datastore_checks, nim_checks, platform_checks

#: Variables with secrets that no connection holds: struck out of all findings.
_SECRETS = ("HF_TOKEN", "NGC_API_KEY", "ELASTICSEARCH_API_KEY", "ELASTICSEARCH_PASSWORD")


def examine(
    logs: Collection[str] = (), *, written_later: Collection[str] = (), with_platform: bool = True
) -> list[Finding]:
    """Check everything that the config names; return a finding each. Nothing outside is changed, no secret is told.

    `logs` are the places of logs to look at; those `written_later` may be missing. Without `with_platform` what asks the
    platform is left out.
    """
    config = flywheel_config()
    checks = [
        *(_platform(config) if with_platform else ()),
        *_models(config, os.environ),
        artifacts_check(),
        *(logs_check(place, written_later) for place in dict.fromkeys(logs)),
    ]
    return run_checks(checks, secrets=_secrets(config, os.environ))


def configured_logs(config: FlywheelConfig) -> list[str]:
    """Return where the config says that logs are: the common place, and those of workloads."""
    return [logs for logs in (config.logs, *(each.logs for each in config.workloads)) if logs]


def check_judge_key(judge: JudgeConfig | None, environment: Mapping[str, str]) -> None:
    """Raise FlywheelError if the judge needs a key that no variable holds: it would be missed after the training."""
    variables = judge.api_key_variables if judge else ()
    if variables and not any(environment.get(name) for name in variables):
        raise FlywheelError(
            f"The judge needs a key: set the environment variable {' or '.join(variables)} for the Airflow workers, or "
            'api_key_env: "" in llm_judge_config for a judge without one.'
        )


def most_gpus(config: FlywheelConfig) -> tuple[int, str]:
    """Return how many GPUs one candidate with all that it needs beside it holds at most, and for what."""
    judge, embedding = config.llm_judge_config, config.embedding
    beside = judge.serving_gpus if judge and judge.is_local else 0
    needs = [
        (gpus + beside, f"{what} {nim.name}" + (f" beside the judge ({beside})" if beside else ""))
        for nim in config.candidates
        for gpus, what in ((nim.training_gpus, "training"), (nim.serving_gpus, "serving"))
    ]
    if embedding and embedding.is_local:
        needs.append((embedding.serving_gpus, f"serving {embedding.model_name}"))
    return max(needs, key=lambda need: need[0])


def _platform(config: FlywheelConfig) -> list[Check]:
    nmp = config.nmp_config
    namespace = nmp.nmp_namespace
    nemo, nim = NemoHook(base_url=nmp.nemo_base_url), NimHook(base_url=nmp.nim_base_url)

    def gpus() -> str:
        most, what = most_gpus(config)
        held = held_gpus(nemo, namespace)
        if config.embedded_platform is None:
            raise NotTold(
                f"a candidate needs up to {most} ({what}); the API does not tell how many there are. {held}"
            )
        total = config.embedded_platform.gpus
        if most > total:
            raise CheckError(
                f"{what} needs {most} GPUs, the embedded platform has {total}: it would wait for ever",
                "Raise embedded_platform.gpus, or ask for fewer",
            )
        return f"{total}, of which a candidate needs up to {most} ({what}); {held}"

    candidates = (check for each in config.candidates for check in _candidate(config, each, nemo, nim))
    return [
        *platform_checks(nemo, namespace),
        *nim_checks(nim),
        *datastore_checks(DatastoreHook(base_url=nmp.datastore_base_url), namespace),
        # Two candidates may share a target.
        *{check.name: check for check in candidates}.values(),
        Check("GPUs", "enough", gpus, (f"Deployment Management, {READY}",)),
    ]


def _candidate(config: FlywheelConfig, candidate: NimConfig, nemo: NemoHook, nim: NimHook) -> Iterator[Check]:
    namespace = config.nmp_config.nmp_namespace
    container = deployment_body(candidate, namespace)["config"]["nim_deployment"]
    image = f"{container['image_name']}:{container['image_tag']}"
    target = candidate.customizer.target if candidate.customization_enabled else None
    yield base_model_check(nemo, nim, candidate.name, image, target)
    if target:
        content = customization_config(candidate, config.training_for(candidate), namespace)
        reference = f"{content.pop('namespace')}/{content.pop('name')}"
        yield target_check(nemo, target)
        yield config_check(nemo, reference, content, target)


def _models(config: FlywheelConfig, environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield what is asked of models outside of the platform, and of what prompts are made with."""
    judge, embedding = config.llm_judge_config, config.embedding
    if judge and not judge.is_local:
        key = _held(judge, environment)
        yield Check("judge", "key", _key(judge, key, lambda: check_judge_key(judge, environment)))
        chat = ChatHook(
            judge.model_name or "",
            judge.url or "",
            api_key=environment.get(key or ""),
            key_source=key_source(judge.api_key_variables),
        )
        yield model_check("judge", chat, needs=("judge, key",), asked_by="Evaluator")
    if embedding and not embedding.is_local:
        key = _held(embedding, environment)
        yield Check("embedding", "key", _key(embedding, key, lambda: embedding_key(embedding, environment)))
        hook = embeddings_hook(embedding, config.nmp_config.nim_base_url, environment.get(key or ""))
        yield model_check("embedding", hook, needs=("embedding, key",))
    if config.search_place:
        yield Check(
            "search", f"{config.search_place.index}-*", _told(lambda: check_search(PATIENCE), "answers")
        )
    if config.icl_config.tokenizer:
        yield Check(
            "tokenizer", config.icl_config.tokenizer, _told(lambda: token_counter(config), "can be read")
        )


def _held(model: JudgeConfig | EmbeddingConfig, environment: Mapping[str, str]) -> str | None:
    """Return the variable that holds a model's key; None if none does."""
    return next((name for name in model.api_key_variables if environment.get(name)), None)


def _key(
    model: JudgeConfig | EmbeddingConfig, held: str | None, look: Callable[[], object]
) -> Callable[[], str]:
    def ask() -> str:
        try:
            look()
        except FlywheelError as error:
            raise CheckError(f"{' and '.join(model.api_key_variables)} not set", str(error)) from error
        return f"{held} is set" if held else "none is sent"

    return ask


def _told(look: Callable[[], object], well: str) -> Callable[[], str]:
    def ask() -> str:
        with explained():
            look()
        return well

    return ask


def _secrets(config: FlywheelConfig, environment: Mapping[str, str]) -> set[str]:
    models = [model for model in (config.llm_judge_config, config.embedding) if model]
    names = [*_SECRETS, *(name for model in models for name in model.api_key_variables)]
    urls = environment.get(URL_VARIABLE, "").split(",")
    passwords = {urlsplit(url.strip()).password for url in urls if "@" in url}
    return {environment[name] for name in names if environment.get(name)} | {
        each for each in passwords if each
    }
