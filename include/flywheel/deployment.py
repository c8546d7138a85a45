"""What a model deployment is asked: the NIM container of a candidate or a local judge (v1 wire shape)."""

from typing import Any

from include.flywheel.config_models import ServedModel
from include.flywheel.errors import ConfigError

#: The blueprint's choice: this backend is the most reliable one for tool calls.
GUIDED_DECODING = {"NIM_GUIDED_DECODING_BACKEND": "outlines"}

_DEFAULT_TAG = "latest"


def deployment_name(model_name: str) -> str:
    """Return the name of a model's deployment: the blueprint's, so that one that is up already is found."""
    return model_name.replace("/", "-")


def deployment_body(model: ServedModel, namespace: str) -> dict[str, Any]:
    """Return the body that creates the deployment of a model; raise ConfigError when it has no name."""
    if not model.model_name:
        raise ConfigError("deployment", ["model_name: is missing. Add it"])
    nim: dict[str, Any] = {
        "image_name": f"{model.registry_base.rstrip('/')}/{model.model_name}",
        "image_tag": model.tag or _DEFAULT_TAG,
        "gpu": model.serving_gpus,
        "additional_envs": dict(GUIDED_DECODING),
    }
    if model.pvc_size:
        nim["pvc_size"] = model.pvc_size
    return {
        "name": deployment_name(model.model_name),
        "namespace": namespace,
        "config": {"model": model.model_name, "nim_deployment": nim},
    }
