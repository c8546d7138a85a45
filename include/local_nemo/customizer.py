"""Customizer: targets, configs and jobs below `/v1/customization`."""

from fastapi import APIRouter

from include.local_nemo import customization_configs, customization_jobs, customization_targets
from include.local_nemo.platform import Platform


def router(platform: Platform) -> APIRouter:
    """Return all routes of the Customizer."""
    routes = APIRouter()
    for module in (customization_targets, customization_configs, customization_jobs):
        routes.include_router(module.router(platform))
    return routes


def adopt(platform: Platform) -> None:
    """Hold the GPUs that jobs had before a restart."""
    customization_jobs.adopt(platform)


def resume(platform: Platform) -> None:
    """Make the targets that every platform has, and go on with what an earlier process left unfinished."""
    customization_targets.resume(platform)
    customization_jobs.resume(platform)
