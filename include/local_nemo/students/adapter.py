"""What a training leaves behind: an adapter of two files, JSON and arrays, without executable content."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from scipy.sparse import csr_matrix

from include.local_nemo.students.arguments import RANKER_BITS, ArgumentModel
from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.linear import LinearModel
from include.local_nemo.students.memory import AnswerMemory
from include.local_nemo.students.slots import slot_from_json

FORMAT = "local-nemo-student-adapter"
FORMAT_VERSION = 1
CONFIG_FILE = "adapter_config.json"
ARRAYS_FILE = "adapter_model.safetensors"


class AdapterError(Exception):
    """An adapter cannot be used: a file is missing, damaged, or made for another student."""


@dataclass(slots=True)
class Adapter:
    """The learned parts of a student, and the hyperparameters and losses of the training they come from."""

    base_model: str
    choice: LinearModel
    arguments: ArgumentModel
    memory: AnswerMemory
    record: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write `adapter_config.json` and `adapter_model.safetensors` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    def files(self) -> dict[str, bytes]:
        """Return the adapter's files by name."""
        config = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "base_model_name_or_path": self.base_model,
            "classes": self.choice.classes,
            "slots": {
                name: [slot.as_json() for slot in slots] for name, slots in self.arguments.slots.items()
            },
            "style": self.memory.style,
            "training": self.record,
        }
        return {
            CONFIG_FILE: orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS),
            ARRAYS_FILE: save_arrays(self._arrays()),
        }

    def is_finite(self) -> bool:
        """Return whether every number is one that the files can hold."""
        with np.errstate(over="ignore"):
            return all(bool(np.isfinite(array).all()) for array in self._arrays().values())

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        weights = self.arguments.weights if self.arguments.weights is not None else np.zeros(0, np.float32)
        used = np.flatnonzero(weights)
        texts = [template.encode("utf-8", "replace") for template in self.memory.templates]
        return {
            "choice.features": self.choice.features,
            "choice.weights": self.choice.weights.astype(np.float16),
            "choice.bias": self.choice.bias,
            "arguments.features": used.astype(np.int32),
            "arguments.weights": weights[used].astype(np.float16),
            "memory.text": np.frombuffer(b"".join(texts), dtype=np.uint8).copy(),
            "memory.text_ends": np.cumsum([len(text) for text in texts], dtype=np.int64),
            "memory.kinds": self.memory.kinds.astype(np.int32),
            "memory.features": self.memory.features,
            "memory.rarity": self.memory.rarity.astype(np.float32),
            "memory.values": self.memory.conversations.data.astype(np.float16),
            "memory.columns": self.memory.conversations.indices.astype(np.int32),
            "memory.rows": self.memory.conversations.indptr.astype(np.int64),
        }


def load_adapter(folder: Path, spec: StudentSpec) -> Adapter:
    """Read an adapter from its folder.

    Raises:
        AdapterError: a file is missing or damaged, the format is unknown, or the parts do not fit together.
    """
    try:
        files = {name: (folder / name).read_bytes() for name in (CONFIG_FILE, ARRAYS_FILE)}
    except OSError as error:
        raise AdapterError(f"adapter file is missing: {error}") from error
    return read_adapter(files, spec)


def read_adapter(files: dict[str, bytes], spec: StudentSpec) -> Adapter:
    """Read an adapter from the contents of its files by name; raises `AdapterError` as `load_adapter` does."""
    try:
        config = orjson.loads(files[CONFIG_FILE])
    except orjson.JSONDecodeError as error:
        raise AdapterError(f"{CONFIG_FILE} is not JSON: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise AdapterError(f"{CONFIG_FILE} is not of the format {FORMAT}")
    if config.get("format_version") != FORMAT_VERSION:
        raise AdapterError(
            f"{CONFIG_FILE} has format version {config.get('format_version')}, not {FORMAT_VERSION}"
        )
    if config.get("base_model_name_or_path") != spec.name:
        raise AdapterError(
            f"the adapter was trained for {config.get('base_model_name_or_path')}, not {spec.name}"
        )
    try:
        arrays = load_arrays(files[ARRAYS_FILE])
    except (SafetensorError, ValueError) as error:
        raise AdapterError(f"{ARRAYS_FILE} is damaged: {error}") from error
    try:
        return _assemble(config, arrays, spec)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise AdapterError(f"the parts of the adapter do not fit together: {error!r}") from error


def _assemble(config: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], spec: StudentSpec) -> Adapter:
    choice = LinearModel(
        [str(name) for name in config["classes"]],
        arrays["choice.features"],
        arrays["choice.weights"].astype(np.float32),
        arrays["choice.bias"].astype(np.float32),
    )
    if choice.weights.shape != (len(choice.features), len(choice.classes)) or len(choice.bias) != len(
        choice.classes
    ):
        raise ValueError("weights, features and classes differ in number")
    weights = np.zeros(1 << RANKER_BITS[spec.richness], np.float32)
    weights[arrays["arguments.features"]] = arrays["arguments.weights"]
    slots = {name: [slot_from_json(slot) for slot in listed] for name, listed in config["slots"].items()}
    text = arrays["memory.text"].tobytes()
    ends = arrays["memory.text_ends"].tolist()
    templates = [text[start:end].decode("utf-8") for start, end in zip([0, *ends], ends, strict=False)]
    kinds, features = arrays["memory.kinds"], arrays["memory.features"]
    conversations = csr_matrix(
        (arrays["memory.values"].astype(np.float32), arrays["memory.columns"], arrays["memory.rows"]),
        shape=(len(templates), len(features)),
    )
    conversations.check_format()
    if len(kinds) != len(templates):
        raise ValueError("answers and their kinds differ in number")
    memory = AnswerMemory(templates, kinds, features, arrays["memory.rarity"], conversations, config["style"])
    return Adapter(spec.name, choice, ArgumentModel(spec, slots, weights), memory, dict(config["training"]))
