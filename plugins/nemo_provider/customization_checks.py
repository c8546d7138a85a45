"""What can be asked, read-only, about a model before it is trained and deployed: its target, its config, the model itself.

What is wrong with one model keeps nobody from working with the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from nemo_provider import identity
from nemo_provider.checks import Check, CheckError, NotTold
from nemo_provider.errors import NemoApiError, NemoNotFoundError
from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.answers import document_of
from nemo_provider.hooks.nemo import NemoHook
from nemo_provider.hooks.nim import NimHook
from nemo_provider.platform_checks import NIM, READY
from nemo_provider.polls import split_name
from nemo_provider.reading import mapping, mappings, number, text
from nemo_provider.states import word

#: Statuses of a target that is on its way; a job is refused with 409 until it is there.
_COMING = frozenset({"created", "pending", "downloading"})
_CUSTOMIZER = (f"Customizer, {READY}",)


def target_check(nemo: NemoHook, reference: str) -> Check:
    """Ask whether a customization target, ``namespace/name@version``, is there, enabled and ready."""
    return Check("Customizer", f"target {reference}", partial(_target, nemo, reference), _CUSTOMIZER)


def config_check(nemo: NemoHook, reference: str, content: Mapping[str, Any], target: str) -> Check:
    """Ask whether a customization config can be used: it is there with this content, or its name is free."""

    def ask() -> str:
        found = nemo.get_customization_config(reference)
        if found is None:
            return "is created by the first run"
        if different := identity.differences(dict(content), found):
            raise CheckError(
                f"it exists with other content ({', '.join(different)})",
                "Remove it if nobody needs it, or change a setting of the training: its name follows from the settings",
                bearable=True,
            )
        return "is there, as configured"

    return Check("Customizer", f"config {reference}", ask, (*_CUSTOMIZER, f"Customizer, target {target}"))


def base_model_check(nemo: NemoHook, nim: NimHook, model: str, image: str, target: str | None) -> Check:
    """Ask whether the platform knows a model that is to be deployed, from serving it, as an entity, or as that of its target."""

    def ask() -> str:
        if model in nim.list_models():
            return "is served now"
        # A refusal is for the services' own checks to tell: a model need not be known to be deployed.
        with contextlib.suppress(NemoApiError):
            if "/" in model and nemo.get_model(model) is not None:
                return "is known to the Entity Store"
        with contextlib.suppress(NemoApiError):
            if target and (_get_target(nemo, target) or {}).get("base_model") == model:
                return f"is the model of the target {target}"
        raise NotTold(
            f"neither served nor an entity now: deploying it pulls {image}, of which the API tells nothing"
        )

    return Check("model", model, ask, (f"Entity Store, {READY}", f"{NIM}, models"))


def held_gpus(nemo: NemoHook, namespace: str) -> str:
    """Return in words what the deployments of a namespace hold."""
    configs = [mapping(each.get("config")) for each in nemo.list_deployments(namespace)]
    gpus = sum(number(mapping(config.get("nim_deployment")).get("gpu")) or 0 for config in configs)
    return f"{len(configs)} deployments in {namespace} hold {gpus:.0f} now"


def _get_target(nemo: NemoHook, reference: str) -> dict[str, Any] | None:
    # A name without namespace is read as the platform reads it.
    path = split_name(reference if "/" in reference else f"default/{reference}")
    try:
        return document_of(nemo.call(api.GET_CUSTOMIZATION_TARGET, path), str(api.GET_CUSTOMIZATION_TARGET))
    except NemoNotFoundError:
        return None


def _target(nemo: NemoHook, reference: str) -> str:
    target = _get_target(nemo, reference)
    if target is None:
        raise CheckError("the Customizer does not know it", _choose(_known_targets(nemo)), bearable=True)
    status = word(target.get("status"))
    if target.get("enabled") is False:
        raise CheckError("it is disabled", 'Enable it: PATCH it with {"enabled": true}', bearable=True)
    if status in _COMING:
        raise CheckError(
            f"it is {status}", "Wait until the Customizer has downloaded it", may_pass=True, bearable=True
        )
    # Releases leave out what they have nothing to say about.
    if status not in ("ready", "unknown"):
        raise CheckError(
            f"it is {status}",
            "See the log of the Customizer; remove the target and create it again",
            bearable=True,
        )
    base = text(target.get("base_model"))
    return f"{status}{f', of {base}' if base else ''}"


def _known_targets(nemo: NemoHook) -> list[str]:
    try:
        listing = document_of(
            nemo.call(api.LIST_CUSTOMIZATION_TARGETS, query={"page_size": 100}),
            str(api.LIST_CUSTOMIZATION_TARGETS),
        )
    except NemoNotFoundError:
        raise NotTold("this release has fixed configs and no targets (before 25.6)") from None
    return sorted(f"{each.get('namespace')}/{each.get('name')}" for each in mappings(listing.get("data")))


def _choose(known: Collection[str]) -> str:
    mend = "Correct customizer_configs.target, or create that target"
    return f"{mend}. There are: {', '.join(known)}" if known else f"{mend}. There is none"
