"""What can be chosen about one platform: addresses, state folder, size of the cluster, delays and quirks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Speed = Literal["fast", "alive"]

DELAYS = (
    "job_start",
    "download",
    "training_min",
    "upload",
    "image_pull",
    "adapter_refresh",
    "teardown",
    "evaluation_start",
)
"""Names of the delays, in the order in which a customization and its deployment meet them."""

SPEEDS: Mapping[Speed, Mapping[str, float]] = {
    "fast": dict.fromkeys(DELAYS, 0.0),
    "alive": {
        "job_start": 0.3,
        "download": 1.0,
        "training_min": 4.0,
        "upload": 1.0,
        "image_pull": 3.0,
        "adapter_refresh": 1.0,
        "teardown": 0.5,
        "evaluation_start": 0.5,
    },
}
"""`fast` waits for nothing (tests); `alive` lets a person watch every stage and still ends within minutes."""


class Settings(BaseModel):
    """Hold the choices for one platform.

    All delays are in seconds and zero unless a speed or a caller sets them. A port of 0 means: pick a
    free one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state_dir: Path
    host: str = "127.0.0.1"
    nemo_port: int = 0
    nim_port: int = 0
    datastore_port: int = 0

    gpus: int = Field(default=8, ge=0)
    seed: int = 0
    bearer_token: str | None = None
    """When set, every request but health checks and signed uploads must carry it."""
    faults: Path | None = None
    """A JSON plan of faults; see `faults.py`."""
    models: dict[str, str] = {}
    """Foreign model names and the student that answers for each, e.g. `{"meta/x": "local/student-s"}`."""

    job_start: float = Field(default=0.0, ge=0)
    """Each of created → pending → running takes this long."""
    download: float = Field(default=0.0, ge=0)
    """A customization fetches its model and dataset (`EntityHandler_0`)."""
    training_min: float = Field(default=0.0, ge=0)
    """A training is stretched to last at least this long."""
    upload: float = Field(default=0.0, ge=0)
    """A customization stores its adapter (`EntityHandler_1`)."""
    image_pull: float = Field(default=0.0, ge=0)
    """A deployment that has its GPUs becomes ready after this long."""
    adapter_refresh: float = Field(default=0.0, ge=0)
    """The NIM proxy lists a new adapter this long after its upload."""
    teardown: float = Field(default=0.0, ge=0)
    """A deleted deployment is gone, and its GPUs are free, after this long."""
    evaluation_start: float = Field(default=0.0, ge=0)
    """An evaluation runs its first sample after this long."""

    evaluator_skips_pending: bool = False
    """Evaluations go from created straight to running, for clients that die on `pending`."""
    duplicate_deployment_status: Literal[500, 409] = 500
    """Old servers answer a duplicate deployment with 500, newer ones with 409."""
    upload_mode: Literal["regular", "lfs"] = "regular"
    """What the Data Store's preupload asks for. Hub clients from 1.20 on fail with lfs unless Xet is off."""

    @classmethod
    def at_speed(cls, speed: Speed, **values: object) -> "Settings":
        """Return settings with the delays of `speed`, overridden by `values`."""
        return cls.model_validate({**SPEEDS[speed], **values})
