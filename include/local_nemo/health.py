"""Health and identity paths of every service; each port answers all of them."""

from fastapi import APIRouter

from include.local_nemo.platform import Platform
from include.local_nemo.wire import Document, zulu

PATHS = ("/health", "/v1/health", "/v1/health/live", "/v1/health/ready")
IDENTITY = ("/v1/metadata", "/v1/version", "/v1/license", "/v1/manifest")
METRICS = "/v1/metrics"


def router(platform: Platform) -> APIRouter:
    """Return the routes; a platform that answers at all is ready."""
    routes = APIRouter()

    def health() -> Document:
        return {"status": "healthy", "timestamp": zulu()}

    def live() -> Document:
        return {"object": "health.response", "message": "live", "live": True}

    def ready() -> Document:
        return {"object": "health.response", "message": "ready", "ready": True}

    def identity() -> Document:
        return {"name": "local-nemo", "release": "0.1.0", "api": "v1", "license": "see the project"}

    def metrics() -> Document:
        return {"gpus_total": platform.cluster.total, "gpus_in_use": sum(platform.cluster.in_use().values())}

    for path, answer in zip(PATHS, (health, health, live, ready), strict=True):
        routes.add_api_route(path, answer, methods=["GET"])
    for path in IDENTITY:
        routes.add_api_route(path, identity, methods=["GET"])
    routes.add_api_route(METRICS, metrics, methods=["GET"])
    return routes
