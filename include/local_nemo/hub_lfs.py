"""Large files of the Data Store: the git-lfs batch API with signed upload addresses of its own."""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from tempfile import SpooledTemporaryFile

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from include.local_nemo.blobs import CHUNK, SHA256, HashMismatch
from include.local_nemo.datastore import RepoType
from include.local_nemo.hub_errors import HubError, read_as
from include.local_nemo.platform import Platform
from include.local_nemo.store import AlreadyExists
from include.local_nemo.wire import Body, Document

MEDIA_TYPE = "application/vnd.git-lfs+json"
OBJECTS = "/v1/hf/lfs/objects"


class LargeObject(BaseModel):
    """A content, by its SHA-256 and its size."""

    oid: str
    size: int = Field(ge=0, lt=2**63)


class Batch(BaseModel):
    """The question how contents are to be transferred."""

    operation: str | None = None
    objects: list[LargeObject] = []


def router(platform: Platform) -> APIRouter:
    """Return the batch routes, and the upload and verify addresses that they hand out."""
    routes = APIRouter()
    datastore = platform.datastore
    key = _signing_key(platform)

    def signature(oid: str) -> str:
        return hmac.new(key, oid.encode(), hashlib.sha256).hexdigest()

    def batch(request: Request, repo_type: RepoType, repo: str, body: Document) -> Response:
        datastore.repo(repo_type, repo)
        asked = read_as(Batch, body)
        if asked.operation == "download":
            raise HubError(400, "large files are downloaded by their resolve address")
        # The address at which the client found this platform, which need not be the one that it listens on.
        base = f"{str(request.base_url).rstrip('/')}{OBJECTS}"
        objects = []
        for wanted in asked.objects:
            oid = wanted.oid
            answer: Document = {"oid": oid, "size": wanted.size, "authenticated": True}
            if not SHA256.fullmatch(oid):
                raise HubError(422, f"{oid} is no SHA-256")
            if datastore.blobs.size(oid) is None:
                answer["actions"] = {
                    "upload": {"href": f"{base}/{oid}?signature={signature(oid)}", "header": {}},
                    "verify": {"href": f"{base}/{oid}/verify", "header": {}},
                }
            objects.append(answer)
        return _lfs_json({"transfer": "basic", "objects": objects, "hash_algo": "sha256"})

    @routes.post("/v1/hf/datasets/{ns}/{name}.git/info/lfs/objects/batch")
    def batch_dataset(request: Request, ns: str, name: str, body: Body) -> Response:
        return batch(request, "dataset", f"{ns}/{name}", body)

    @routes.post("/v1/hf/{ns}/{name}.git/info/lfs/objects/batch")
    def batch_model(request: Request, ns: str, name: str, body: Body) -> Response:
        return batch(request, "model", f"{ns}/{name}", body)

    @routes.put(OBJECTS + "/{oid}")
    async def upload(oid: str, request: Request) -> Response:
        # Clients send no credentials here: the address itself is the permission.
        given = request.query_params.get("signature", "")
        if not hmac.compare_digest(given.encode(), signature(oid).encode()):
            raise HubError(403, "this upload address was not handed out here")
        with SpooledTemporaryFile(max_size=CHUNK) as received:
            async for piece in _pieces(request):
                await run_in_threadpool(received.write, piece)
            received.seek(0)
            try:
                await run_in_threadpool(datastore.blobs.write, _chunks(received), oid)
            except HashMismatch as error:
                raise HubError(422, str(error)) from error
        return Response(status_code=200)

    @routes.post(OBJECTS + "/{oid}/verify")
    def verify(oid: str, body: Body) -> Document:
        stored = read_as(LargeObject, body)
        if stored.oid != oid or datastore.blobs.size(oid) != stored.size:
            raise HubError(404, f"object {oid} is not here with this size", "EntryNotFound")
        return {}

    return routes


def _signing_key(platform: Platform) -> bytes:
    """Return the key of this state folder, so that addresses stay good across a restart."""
    with suppress(AlreadyExists):
        platform.store.insert("secret", "lfs", {"key": secrets.token_hex(32)})
    doc = platform.store.get("secret", "lfs")
    assert doc is not None
    return bytes.fromhex(doc["key"])


def _lfs_json(body: Document) -> Response:
    return Response(orjson.dumps(body), media_type=MEDIA_TYPE)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces worth a thread switch each."""
    gathered = bytearray()
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) >= CHUNK:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _chunks(file: "SpooledTemporaryFile[bytes]") -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
