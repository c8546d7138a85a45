"""The platform put together: three apps, one process."""

import asyncio
import itertools
import socket
from collections.abc import Callable, Mapping

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException

from include.local_nemo import (
    customizer,
    datastore_namespaces,
    deployments,
    entities,
    evaluator,
    health,
    hub_api,
    hub_lfs,
    inference,
    server,
)
from include.local_nemo.bearer import BearerMiddleware
from include.local_nemo.datastore import NotFound
from include.local_nemo.faults import FaultsMiddleware
from include.local_nemo.hub_errors import HubError
from include.local_nemo.internal_errors import InternalErrorMiddleware
from include.local_nemo.platform import Platform
from include.local_nemo.wire import Document

__all__ = ["Platform", "create_apps", "resume", "serve"]

SERVICES = {
    "nemo": (entities, customizer, evaluator, deployments),
    "nim": (inference,),
    "data_store": (datastore_namespaces, hub_lfs, hub_api),
}
"""Which modules answer on which port. LFS comes before the hub's catch-all download path."""


def create_apps(platform: Platform) -> dict[str, FastAPI]:
    """Return the apps `{"nemo", "nim", "data_store"}` of a platform whose ports are bound."""
    return {name: _app(platform, name) for name in SERVICES}


def resume(platform: Platform) -> None:
    """Go on with the deployments and jobs that an earlier process left unfinished.

    Whatever held GPUs holds them again before anything is started that could ask for some.
    """
    for step in ("adopt", "resume"):
        for module in itertools.chain(*SERVICES.values()):
            getattr(module, step, lambda platform: None)(platform)


async def serve(
    platform: Platform,
    sockets: Mapping[str, socket.socket],
    stop: asyncio.Event,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Resume the platform's work and serve it until `stop` is set, then stop everything.

    `on_start` is called when requests are about to be answered; until then they wait at the open ports.
    """
    try:
        apps = create_apps(platform)
        resume(platform)
        on_start()
        await server.serve(apps, sockets, stop)
    finally:
        for listener in sockets.values():
            listener.close()
        platform.stop()


def _app(platform: Platform, service: str) -> FastAPI:
    app = FastAPI(title=f"local-nemo {service}", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(health.router(platform))
    for module in SERVICES[service]:
        app.include_router(module.router(platform))
    if service == "nemo":
        app.include_router(_cluster(platform))

    @app.exception_handler(HubError)
    def hub_error(request: Request, error: HubError) -> Response:
        return error.response()

    @app.exception_handler(NotFound)
    def not_found(request: Request, error: NotFound) -> Response:
        return HubError(404, str(error), error.code).response()

    if service == "data_store":

        @app.exception_handler(HTTPException)
        async def unknown_path(request: Request, error: HTTPException) -> Response:
            # Such as a repository without a namespace: hub clients know what is missing from the header alone.
            if error.status_code == 404 and request.url.path.startswith(hub_api.PREFIX):
                return HubError(404, str(error.detail), "RepoNotFound").response()
            return await http_exception_handler(request, error)

    app.add_middleware(InternalErrorMiddleware)
    if platform.settings.bearer_token:
        app.add_middleware(BearerMiddleware, token=platform.settings.bearer_token)
    app.add_middleware(FaultsMiddleware, faults=platform.faults, service=service)
    return app


def _cluster(platform: Platform) -> APIRouter:
    routes = APIRouter(prefix="/local")

    @routes.get("/cluster")
    def cluster() -> Document:
        """Not part of NeMo's API: what the simulated cluster is doing."""
        holders = platform.cluster.in_use()
        return {"gpus": platform.cluster.total, "in_use": sum(holders.values()), "holders": holders}

    return routes
