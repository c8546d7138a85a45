"""The one table of the platform's API that this provider uses (v1, releases 25.4 to 25.12).

``repeatable`` is True where asking twice does what asking once does: reads, deletes, cancels, and creates under a
name of ours, which the platform refuses the second time. Only job submissions are not: a lost answer to one of
them is looked up, never repeated blindly.
"""

from __future__ import annotations

from typing import NamedTuple


class Endpoint(NamedTuple):
    """Name one call: method, path with ``{placeholders}``, and whether it may be repeated."""

    method: str
    path: str
    repeatable: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


# Health. Which service has which: see platform_checks.
HEALTH = Endpoint("GET", "/health")
HEALTH_READY = Endpoint("GET", "/v1/health/ready")
DATASTORE_HEALTH = Endpoint("GET", "/v1/health")

# Customizer
LIST_CUSTOMIZATION_TARGETS = Endpoint("GET", "/v1/customization/targets")
GET_CUSTOMIZATION_TARGET = Endpoint("GET", "/v1/customization/targets/{namespace}/{name}")
CREATE_CUSTOMIZATION_CONFIG = Endpoint("POST", "/v1/customization/configs")
GET_CUSTOMIZATION_CONFIG = Endpoint("GET", "/v1/customization/configs/{namespace}/{name}")
CREATE_CUSTOMIZATION_JOB = Endpoint("POST", "/v1/customization/jobs", repeatable=False)
LIST_CUSTOMIZATION_JOBS = Endpoint("GET", "/v1/customization/jobs")
GET_CUSTOMIZATION_JOB = Endpoint("GET", "/v1/customization/jobs/{id}")
CANCEL_CUSTOMIZATION_JOB = Endpoint("POST", "/v1/customization/jobs/{id}/cancel")

# Evaluator. Its /status has no status word: the job itself is polled.
CREATE_EVALUATION_JOB = Endpoint("POST", "/v1/evaluation/jobs", repeatable=False)
LIST_EVALUATION_JOBS = Endpoint("GET", "/v1/evaluation/jobs")
GET_EVALUATION_JOB = Endpoint("GET", "/v1/evaluation/jobs/{id}")
CANCEL_EVALUATION_JOB = Endpoint("POST", "/v1/evaluation/jobs/{id}/cancel")
DELETE_EVALUATION_JOB = Endpoint("DELETE", "/v1/evaluation/jobs/{id}")
GET_EVALUATION_RESULTS = Endpoint("GET", "/v1/evaluation/jobs/{id}/results")
DOWNLOAD_EVALUATION_RESULTS = Endpoint("GET", "/v1/evaluation/jobs/{id}/download-results")

# Deployment Management
CREATE_DEPLOYMENT = Endpoint("POST", "/v1/deployment/model-deployments")
LIST_DEPLOYMENTS = Endpoint("GET", "/v1/deployment/model-deployments")
GET_DEPLOYMENT = Endpoint("GET", "/v1/deployment/model-deployments/{namespace}/{name}")
DELETE_DEPLOYMENT = Endpoint("DELETE", "/v1/deployment/model-deployments/{namespace}/{name}")

# Entity Store
LIST_NAMESPACES = Endpoint("GET", "/v1/namespaces")
CREATE_NAMESPACE = Endpoint("POST", "/v1/namespaces")
LIST_DATASETS = Endpoint("GET", "/v1/datasets")
CREATE_DATASET = Endpoint("POST", "/v1/datasets")
GET_DATASET = Endpoint("GET", "/v1/datasets/{namespace}/{name}")
UPDATE_DATASET = Endpoint("PATCH", "/v1/datasets/{namespace}/{name}")
DELETE_DATASET = Endpoint("DELETE", "/v1/datasets/{namespace}/{name}")
GET_MODEL = Endpoint("GET", "/v1/models/{namespace}/{name}")
DELETE_MODEL = Endpoint("DELETE", "/v1/models/{namespace}/{name}")

# NIM proxy. The Entity Store answers the same path on its own host, with another body.
LIST_NIM_MODELS = Endpoint("GET", "/v1/models")
NIM_VERSION = Endpoint("GET", "/v1/version")
CREATE_EMBEDDINGS = Endpoint("POST", "/v1/embeddings")

# Data Store; its files go through huggingface_hub, below HUB_PATH.
CREATE_DATASTORE_NAMESPACE = Endpoint("POST", "/v1/datastore/namespaces")
HUB_PATH = "/v1/hf"
