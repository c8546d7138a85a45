"""Fourth stage: the files of eval records with examples in the prompt, and with them the whole dataset."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from include.flywheel import __version__
from include.flywheel.config import FlywheelConfig
from include.flywheel.examples import Example
from include.flywheel.icl import ExamplePool, IclPrompts, Selection
from include.flywheel.jsonl import line_writer, read_lines, write_json
from include.flywheel.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    DatasetSummary,
    FileSummary,
    SplitSummary,
    dataset_name,
)
from include.flywheel.privacy import PATTERNS_VERSION
from include.flywheel.sides_writer import FILES
from include.flywheel.tokens import ByteEstimate, TokenCounter
from include.flywheel.training_rows import INDEX, TrainingRows

if TYPE_CHECKING:
    from include.flywheel.nearest import OpenSearch
    from include.flywheel.text_vectors import VectorSource


def icl_file(context: int) -> str:
    """Return the file of eval records with examples in the prompt, for a context of this many tokens."""
    return f"testing/icl-{context}.jsonl"


def add_examples(
    folder: Path,
    split: SplitSummary,
    *,
    config: FlywheelConfig,
    client_id: str,
    workload_id: str,
    counter: TokenCounter | None = None,
    vectors: "VectorSource | None" = None,
    open_search: "OpenSearch | None" = None,
) -> DatasetSummary:
    """Write the eval records with examples from the training set, one file per context length, and `manifest.json`.

    `folder` holds what `build_datasets` wrote and returned as `split`; `vectors` are those of the config's embedding
    model, if it has one, and `open_search` searches them, None in process. The dataset's name ends with a hash of all
    files: same records and settings, same name. Calling it again overwrites.
    """
    prompts = {}
    if config.icl_contexts():
        with_tools = config.evaluation_config.shows_tools(split.workload_type)
        selection = _selection(folder, config, vectors, open_search)
        prompts = {
            context: IclPrompts(context, config.icl_config, selection, with_tools, counter or ByteEstimate())
            for context in config.icl_contexts()
        }
    files = {**split.files, **_write_prompts(folder, prompts)}
    summary = DatasetSummary(
        **{**dict(split), "files": files},
        name=dataset_name(workload_id, files),
        icl={context: asdict(each.counts) for context, each in prompts.items()},
    )
    manifest = {
        "format_version": FORMAT_VERSION,
        "code_version": __version__,
        **summary.model_dump(mode="json"),
        "workload_id": workload_id,
        "client_id": client_id,
        "privacy": {
            **config.privacy.model_dump(
                mode="json", exclude={"keep": True, "custom": {"__all__": {"pattern"}}}
            ),
            "patterns_version": PATTERNS_VERSION,
        },
        "data_split_config": config.data_split_config.model_dump(mode="json"),
        "icl_config": config.icl_config.model_dump(mode="json", exclude={"similarity_config"}),
    }
    if config.embedding and config.icl_config.similarity_config:
        manifest["similarity_config"] = {
            "relevance_ratio": config.icl_config.similarity_config.relevance_ratio,
            "model_name": config.embedding.model_name,
        }
    write_json(folder / MANIFEST, manifest)
    return summary


def _selection(
    folder: Path, config: FlywheelConfig, vectors: "VectorSource | None", open_search: "OpenSearch | None"
) -> Selection:
    """Return how examples are chosen from a built dataset's training set."""
    rows = TrainingRows(folder / INDEX, folder / FILES["train"])
    pool = ExamplePool(config.data_split_config.random_seed)
    for record_id, tool in zip(rows.ids, rows.tools, strict=True):
        pool.offer(record_id, [tool] if tool else [])
    chosen = pool.chosen()
    for position, row in rows.read([i for i, name in enumerate(rows.ids) if name in chosen]):
        pool.add(Example.of(rows.ids[position], row["messages"]))
    if config.embedding is None:
        return pool
    if vectors is None:
        raise ValueError("a config with an embedding model needs its vectors")
    from include.flywheel.nearest import exact_search
    from include.flywheel.similar_examples import similar_examples

    return similar_examples(
        rows, folder / FILES["eval"], pool, config.icl_config, vectors, open_search or exact_search
    )


def _write_prompts(folder: Path, prompts: Mapping[int, IclPrompts]) -> dict[str, FileSummary]:
    """Write the prompts of all context lengths in one pass over the eval records."""
    with ExitStack() as stack:
        out = {
            context: stack.enter_context(line_writer(folder / icl_file(context), hashed=True))
            for context in prompts
        }
        for line in read_lines(folder / FILES["eval"]) if prompts else ():
            row = orjson.loads(line)
            for context, each in prompts.items():
                out[context].write(orjson.dumps(each.with_examples(row)))
    return {icl_file(context): FileSummary.of(written) for context, written in out.items()}
