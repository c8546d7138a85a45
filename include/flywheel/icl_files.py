"""Fourth stage: the files of eval records with examples in the prompt, and with them the whole dataset."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import orjson

from include.flywheel.config import FlywheelConfig
from include.flywheel.datasets import FILES, SplitSummary
from include.flywheel.examples import Example
from include.flywheel.icl import ExamplePool, IclPrompts
from include.flywheel.jsonl import line_writer, read_lines, write_json
from include.flywheel.manifest import FORMAT_VERSION, MANIFEST, DatasetSummary, FileSummary, dataset_name
from include.flywheel.training_rows import INDEX, TrainingRows


def icl_file(context: int) -> str:
    """Return the file of eval records with examples in the prompt, for a context of this many tokens."""
    return f"testing/icl-{context}.jsonl"


def add_examples(
    folder: Path, split: SplitSummary, *, config: FlywheelConfig, client_id: str, workload_id: str
) -> DatasetSummary:
    """Write the eval records with examples from the training set, one file per context length, and `manifest.json`.

    `folder` holds what `build_datasets` wrote and returned as `split`. The dataset's name ends with a hash of all
    files: same records and settings, same name. Calling it again overwrites.
    """
    with_tools = config.evaluation_config.shows_tools(split.workload_type)
    contexts = config.icl_contexts()
    pool = example_pool(folder, config.data_split_config.random_seed) if contexts else None
    files = dict(split.files)
    icl = {}
    with ExitStack() as stack:
        prompts = {}
        for context in contexts:
            assert pool is not None
            out = stack.enter_context(line_writer(folder / icl_file(context), hashed=True))
            prompts[context] = (IclPrompts(context, config.icl_config, pool, with_tools), out)
        for line in read_lines(folder / FILES["eval"]) if contexts else ():
            row = orjson.loads(line)
            for each, out in prompts.values():
                out.write(orjson.dumps(each.with_examples(row)))
        for context, (each, out) in prompts.items():
            files[icl_file(context)] = FileSummary.of(out)
            icl[context] = asdict(each.counts)

    summary = DatasetSummary(
        name=dataset_name(workload_id, files),
        workload_type=split.workload_type,
        train=files[FILES["train"]].rows,
        validation=files[FILES["validation"]].rows,
        eval=files[FILES["eval"]].rows,
        conversations=split.conversations,
        files=files,
        icl=icl,
    )
    manifest = {
        "format_version": FORMAT_VERSION,
        **summary.model_dump(mode="json"),
        "workload_id": workload_id,
        "client_id": client_id,
        "data_split_config": config.data_split_config.model_dump(mode="json"),
        "icl_config": config.icl_config.model_dump(mode="json", exclude={"similarity_config"}),
    }
    write_json(folder / MANIFEST, manifest)
    return summary


def example_pool(folder: Path, seed: int | None) -> ExamplePool:
    """Return the pool of uniformly chosen examples of a built dataset's training set."""
    rows = TrainingRows(folder / INDEX, folder / FILES["train"])
    pool = ExamplePool(seed)
    for record_id, tool in zip(rows.ids, rows.tools, strict=True):
        pool.offer(record_id, [tool] if tool else [])
    chosen = pool.chosen()
    for position, row in rows.read([i for i, name in enumerate(rows.ids) if name in chosen]):
        pool.add(Example.of(rows.ids[position], row["messages"]))
    return pool
