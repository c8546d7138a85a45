"""Embeddings of texts, kept between runs: a text of last night's logs need not be embedded again."""

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from include.flywheel.config_types import slug
from include.flywheel.jsonl import replacing

log = logging.getLogger(__name__)

InputType = Literal["query", "passage"]
Vectors = NDArray[np.float32]

#: Raised when the meaning of the files changes.
FORMAT = "v1"
KEY_BYTES = 16
#: Files end with it. `.part` is one that is being written, or was when its writer died.
SUFFIX = ".vectors"
_CHECKSUM_BYTES = 16


def text_key(text: str) -> bytes:
    """Return the key of a text's vector."""
    return hashlib.sha256(text.encode()).digest()[:KEY_BYTES]


def model_folder(model: str) -> str:
    """Return the name of a model's folder: readable in front; behind, a hash, because other names can read the same."""
    return f"{slug(model)[:80]}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


class VectorCache:
    """The vectors of one embedding model, in `<folder>/v1/<model>-<hash>/<input type>/<random>.vectors`.

    A part is a checksum and two arrays as NumPy saves them: keys (n × 16 bytes) and vectors (n × dimension, float32). It
    is written once, under a name of its own, and never changed: any number of runs may read and add at the same time. The
    folder may be deleted at any time.
    """

    def __init__(self, folder: Path, model: str):
        self.folder = folder / FORMAT / model_folder(model)

    def parts(self, input_type: InputType) -> Iterator[tuple[list[bytes], Vectors]]:
        """Yield keys and vectors of one part after the other. A damaged part is logged, removed and left out."""
        folder = self.folder / input_type
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            if path.suffix != SUFFIX:
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            part = _unpacked(content)
            if part is None:
                log.warning("Removed %s, which is damaged; its texts are embedded again", path)
                path.unlink(missing_ok=True)
            else:
                yield part

    def add(self, input_type: InputType, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Keep vectors; `keys[i]` is that of row i."""
        content = io.BytesIO()
        np.save(content, np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), KEY_BYTES))
        np.save(content, vectors)
        packed = content.getvalue()
        with replacing(self.folder / input_type / f"{uuid4().hex}{SUFFIX}") as file:
            file.write(_checksum(packed))
            file.write(packed)


def _unpacked(content: bytes) -> tuple[list[bytes], Vectors] | None:
    """Return keys and vectors of a part, or None if it is not as it was written."""
    packed = memoryview(content)[_CHECKSUM_BYTES:]
    if content[:_CHECKSUM_BYTES] != _checksum(packed):
        return None
    arrays = io.BytesIO(packed)
    keys, vectors = (np.load(arrays, allow_pickle=False) for _ in range(2))
    return [key.tobytes() for key in keys], vectors


def _checksum(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).digest()
