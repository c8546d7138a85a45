"""Namespaces of the Data Store: an API of its own, beside the hub's."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from include.local_nemo.lists import list_page
from include.local_nemo.parts import Part, PathPart
from include.local_nemo.platform import Platform
from include.local_nemo.store import AlreadyExists
from include.local_nemo.wire import Body, Document, api_error, delete_response, validated

KIND = "datastore_namespace"


class NamespaceBody(Part):
    """A namespace to create."""

    namespace: PathPart


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/datastore/namespaces`."""
    routes = APIRouter(prefix="/v1/datastore/namespaces")
    datastore, store = platform.datastore, platform.store

    @routes.post("", status_code=201)
    def create(body: Body) -> Document:
        namespace = validated(NamespaceBody, body)["namespace"]
        try:
            return datastore.create_namespace(namespace)
        except AlreadyExists:
            raise api_error(409, f"namespace {namespace} already exists") from None

    @routes.get("")
    def find(request: Request) -> Document:
        return list_page(store.all(KIND), request)

    # A read that answers 201: recorded from real servers, and clients have learned to accept it.
    @routes.get("/{namespace}", status_code=201)
    def read(namespace: str) -> Document:
        doc = store.get(KIND, namespace)
        if doc is None:
            raise api_error(404, f"namespace {namespace} not found")
        return doc

    @routes.delete("/{namespace}")
    def delete(namespace: str) -> JSONResponse:
        if datastore.repos(namespace):
            raise api_error(409, f"namespace {namespace} still holds repositories")
        if store.delete(KIND, namespace) is None:
            raise api_error(404, f"namespace {namespace} not found")
        return JSONResponse(delete_response(namespace))

    return routes
