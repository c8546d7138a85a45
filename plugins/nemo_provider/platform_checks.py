"""What can be asked of a NeMo platform without changing anything there: are we let in, does each service speak this API?

Every request is a GET. Paths of health checks: NVIDIA's operator for Kubernetes probes ``/v1/health/ready`` (Customizer),
``/health`` (Entity Store, Evaluator), ``/v1/health`` (Data Store); the NIM proxy has ``/health``.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from nemo_provider.checks import Check, CheckError, NotTold
from nemo_provider.errors import (
    NemoApiError,
    NemoNotFoundError,
    NemoUnavailableError,
)
from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.answers import document_of
from nemo_provider.hooks.datastore import DatastoreHook
from nemo_provider.hooks.endpoints import Endpoint
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.reach_checks import CONNECTION, healthy, reached
from nemo_provider.reading import mapping, mappings, text
from nemo_provider.states import is_active

PLATFORM, NIM, DATASTORE = "NeMo platform", "NIM proxy", "Data Store"
ACCESS = "access"
#: Services behind the address of the platform, and a list of each. What they list is of a namespace.
LISTS = {
    "Entity Store": api.LIST_DATASETS,
    "Customizer": api.LIST_CUSTOMIZATION_JOBS,
    "Evaluator": api.LIST_EVALUATION_JOBS,
    "Deployment Management": api.LIST_DEPLOYMENTS,
}
READY = "answers"

_NEWEST = 100
#: What else is wrong the services' own checks say.
_NOT_REFUSED = "the credential is not refused as a whole"
_RELEASES = "releases 25.4 to 25.12"


def platform_checks(nemo: NemoHook, namespace: str) -> list[Check]:
    """Return what is asked of the services behind the address of the platform."""
    access = f"{PLATFORM}, {ACCESS}"
    return [
        reached(PLATFORM, nemo),
        healthy(PLATFORM, nemo, (api.HEALTH_READY, api.HEALTH)),
        Check(PLATFORM, ACCESS, partial(_let_in, nemo), (f"{PLATFORM}, {CONNECTION}",)),
        *(
            Check(service, READY, partial(_listed, nemo, service, endpoint, namespace), (access,))
            for service, endpoint in LISTS.items()
        ),
    ]


def _let_in(nemo: NemoHook) -> str:
    """Return how; raise only where nobody knows who asks, which would be the same at each service (a 403 need not be)."""
    try:
        nemo.call(api.LIST_NAMESPACES, query={"page_size": 1})
    except NemoApiError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            raise
        return _NOT_REFUSED
    except NemoUnavailableError:
        return _NOT_REFUSED
    return (
        f"with the credential of {nemo.wire.source}"
        if nemo.wire.authorization
        else "no credential is asked for"
    )


def _listed(nemo: NemoHook, service: str, endpoint: Endpoint, namespace: str) -> str:
    query = {"page": 1, "page_size": _NEWEST, "sort": "-created_at", "filter[namespace]": namespace}
    try:
        listing = document_of(nemo.call(endpoint, query=query), str(endpoint))
    except NemoNotFoundError:
        raise CheckError(
            f"{endpoint} is not there (404): no {service} of API v1 at {nemo.wire.base_url}",
            f"Correct the address of {nemo.wire.source}, or the ingress; only {_RELEASES} have this API",
        ) from None
    if not isinstance(listing.get("data"), list):
        raise CheckError(
            f"the answer to {endpoint} is no list of API v1",
            f"Something else answers at {nemo.wire.base_url}: correct the address of {nemo.wire.source}",
        )
    if endpoint in (api.LIST_CUSTOMIZATION_JOBS, api.LIST_EVALUATION_JOBS):
        jobs = mappings(listing["data"])
        return f"API v1; {sum(is_active(job.get('status')) for job in jobs)} unfinished jobs in {namespace}"
    return "API v1"


def nim_checks(nim: NimHook) -> list[Check]:
    """Return what is asked of the NIM proxy."""

    def models() -> str:
        listing = document_of(nim.call(api.LIST_NIM_MODELS), str(api.LIST_NIM_MODELS))
        # The same path of the Entity Store answers with pages.
        if not isinstance(listing.get("data"), list) or listing.get("pagination") is not None:
            other = "that of the Entity Store" if listing.get("pagination") else "no list of models"
            raise CheckError(
                f"the answer to {api.LIST_NIM_MODELS} is {other}",
                f"Give {nim.wire.source} the address of the NIM proxy: it is {nim.wire.base_url}",
            )
        served = nim.list_models()
        return f"{len(served)} served" + (f": {', '.join(served)}" if served else "")

    def version() -> str:
        try:
            said = mapping(nim.call(api.NIM_VERSION))
        except (NemoNotFoundError, NemoUnavailableError):
            raise NotTold(f"the proxy does not tell ({api.NIM_VERSION})") from None
        return (
            ", ".join(f"{key} {said[key]}" for key in ("release", "api") if text(said.get(key))) or "not told"
        )

    connection = (f"{NIM}, {CONNECTION}",)
    return [
        reached(NIM, nim),
        healthy(NIM, nim, (api.HEALTH, api.HEALTH_READY)),
        Check(NIM, "models", models, connection),
        Check(NIM, "version", version, (f"{NIM}, models",)),
    ]


def datastore_checks(datastore: DatastoreHook, namespace: str) -> list[Check]:
    """Return what is asked of the Data Store."""

    def files() -> str:
        # huggingface_hub, as uploads use it; that there is no such dataset is the good answer.
        try:
            datastore.list_files(f"{namespace}/doctor")
        except NemoNotFoundError as error:
            raise CheckError(
                f"no Hugging Face API at {datastore.wire.base_url}{api.HUB_PATH}: {error}",
                f"Correct the address of {datastore.wire.source}, or the ingress",
            ) from None
        return "the Hugging Face API answers"

    return [
        reached(DATASTORE, datastore),
        healthy(DATASTORE, datastore, (api.DATASTORE_HEALTH,)),
        Check(DATASTORE, "files", files, (f"{DATASTORE}, {CONNECTION}",)),
    ]
