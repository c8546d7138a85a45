"""The embedding model that examples are chosen by: its service, its key, its cache, its search; and the tokenizer of prompts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flywheel_tasks.settings import artifacts, flywheel_config, storage_path
from include.flywheel.config import FlywheelConfig
from include.flywheel.config_models import EmbeddingConfig
from include.flywheel.errors import FlywheelError

if TYPE_CHECKING:
    from flywheel_tasks.log_server import ElasticsearchServer
    from include.flywheel.drift.vector_sample import SampledVectors
    from include.flywheel.logs.place import IndexPlace
    from include.flywheel.nearest import OpenSearch
    from include.flywheel.text_vectors import TextVectors
    from include.flywheel.tokens import TokenCounter
    from nemo_provider.hooks.embeddings import EmbeddingsHook


def text_vectors() -> TextVectors | None:
    """Return the vectors of the config's embedding model, cached under the artifacts; None if it has none."""
    config = flywheel_config()
    embedding = config.embedding
    if embedding is None:
        return None
    from include.flywheel.text_vectors import TextVectors

    hook = embeddings_hook(embedding, config.nmp_config.nim_base_url, embedding_key(embedding, os.environ))
    return TextVectors(hook.model, hook.embed, artifacts() / "embeddings")


def embeddings_hook(embedding: EmbeddingConfig, nim_base_url: str, key: str | None) -> EmbeddingsHook:
    """Return what calls the embedding model, with its key, or None for one without."""
    from nemo_provider.hooks.embeddings import EmbeddingsHook

    return EmbeddingsHook(
        embedding.model_name or "",
        url=None if embedding.is_local else embedding.url,
        api_key=key,
        key_source=key_source(embedding.api_key_variables),
        base_url=nim_base_url,
    )


def key_source(variables: Sequence[str]) -> str:
    """Say where a key was looked for."""
    return f"environment variable {' or '.join(variables) or 'none, api_key_env is empty'}"


def sampled_vectors(folder: Path) -> SampledVectors | None:
    """Return `text_vectors` that remember a sample of the window curated in a run's folder; None without a model."""
    vectors = text_vectors()
    if vectors is None:
        return None
    from include.flywheel.drift.vector_sample import SampledVectors, sample_texts

    return SampledVectors(vectors, sample_texts(folder / "export", folder / "curated"))


def example_search(selection: str) -> OpenSearch | None:
    """Return what opens a search by the Elasticsearch server of the config; None for one in process.

    `selection`, 8 hexadecimal digits, is the same for every try of a task. Raises FlywheelError when the server's connection
    is not there or makes no sense.
    """
    place = flywheel_config().search_place
    if place is None:
        return None
    from include.flywheel.index_search import index_search

    return partial(index_search, _search_server(place), place.index, selection)


def check_search(patience: float | None = None) -> None:
    """Ask the server of the config's search, if it has one. Raises FlywheelError or SearchUnavailableError.

    `patience` is for how long, in seconds, it is asked again where that may help; by default as long as by the search.
    """
    place = flywheel_config().search_place
    if place is None:
        return
    from include.flywheel.search_errors import explained

    with explained(place.index):
        _search_server(place, patience).ask("GET", f"/{place.index}-*")


def _search_server(place: IndexPlace, patience: float | None = None) -> ElasticsearchServer:
    from airflow.sdk.exceptions import AirflowNotFoundException

    from flywheel_tasks.log_server import PATIENCE, ElasticsearchServer
    from include.flywheel.search_errors import REMEDIES, SETTING

    try:
        return ElasticsearchServer.of_connection(
            place.conn_id, PATIENCE if patience is None else patience, REMEDIES
        )
    except (FlywheelError, AirflowNotFoundException) as error:
        raise FlywheelError(f"{SETTING}: {error}") from error


def embedding_key(embedding: EmbeddingConfig, environment: Mapping[str, str]) -> str | None:
    """Return the key of the embedding service; None for one without. Raises FlywheelError if a named one is not there."""
    key = next((environment[name] for name in embedding.api_key_variables if environment.get(name)), None)
    if embedding.api_key_env and not embedding.is_local and not key:
        raise FlywheelError(
            f"The embedding service needs a key: set the environment variable {embedding.api_key_env} for the Airflow "
            'workers, or api_key_env: "" in embedding_nim_config for a service without one.'
        )
    return key


def token_counter(config: FlywheelConfig) -> TokenCounter | None:
    """Return what the lengths of prompts are measured with; None estimates. Raises ConfigError for a file that is none."""
    from include.flywheel.tokens import TokenizerFile

    path = config.icl_config.tokenizer
    return TokenizerFile(storage_path(path)) if path else None
