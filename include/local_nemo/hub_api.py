"""The Data Store's HF-compatible API, as huggingface_hub 0.30 to 2.x calls it (all but LFS).

A revision with a slash in it is quoted by the hub and arrives here unquoted; no such revision exists, so
whatever the path is taken for, the answer is RevisionNotFound.
"""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, model_validator

from include.local_nemo import hub_commit, hub_tree
from include.local_nemo.datastore import Datastore, RepoType
from include.local_nemo.hub_errors import HubError, read_as
from include.local_nemo.parts import PathPart
from include.local_nemo.platform import Platform
from include.local_nemo.store import AlreadyExists
from include.local_nemo.wire import Body, Document

PREFIX = "/v1/hf"


class PreuploadFile(BaseModel):
    """A file that a client is about to upload."""

    path: str


class Preupload(BaseModel):
    """The question how files are to be uploaded."""

    files: list[PreuploadFile] = []


class PathsInfo(BaseModel):
    """The question what is at some paths; a form with one path has a text."""

    paths: str | list[str] = []
    expand: bool = False


class RepoName(BaseModel):
    """A repository, by its name and organization or by both in one."""

    name: PathPart
    organization: PathPart
    type: RepoType = "model"

    @model_validator(mode="before")
    @classmethod
    def _in_one(cls, body: dict[str, Any]) -> dict[str, Any]:
        name = body.get("name")
        if isinstance(name, str) and not body.get("organization"):
            organization, _, name = name.partition("/")
            return {**body, "organization": organization, "name": name}
        return body


async def _raw_body(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_raw_body)]


def router(platform: Platform) -> APIRouter:
    """Return the routes below `/v1/hf`."""
    routes = APIRouter(prefix=PREFIX)
    _add_repositories(routes, platform.datastore)
    for plural, repo_type in (("datasets", "dataset"), ("models", "model")):
        routes.include_router(_one_type(platform, plural, repo_type))  # type: ignore[arg-type]
    _add_resolve(routes, platform.datastore)
    return routes


def _add_repositories(routes: APIRouter, datastore: Datastore) -> None:
    @routes.post("/api/repos/create")
    def create(body: Body) -> Document:
        repo_type, repo = _named(body)
        url = _url(repo_type, repo)
        try:
            datastore.create_repo(repo_type, repo)
        except AlreadyExists:
            # With `exist_ok` the client reads the address from this answer, as it does from a success.
            raise HubError(409, f"You already created this {repo_type} repo: {repo}", url=url) from None
        return {"url": url, "name": repo}

    @routes.delete("/api/repos/delete")
    def delete(body: Body) -> str:
        datastore.delete_repo(*_named(body))
        return "OK"

    @routes.post("/api/validate-yaml")
    def validate_yaml() -> Document:
        return {"errors": [], "warnings": []}


def _named(body: Document) -> tuple[RepoType, str]:
    repo = read_as(RepoName, body)
    return repo.type, f"{repo.organization}/{repo.name}"


def _url(repo_type: RepoType, repo: str) -> str:
    """Return the relative address that every hub version can read; real servers answer relative ones, too."""
    return f"datasets/{repo}" if repo_type == "dataset" else repo


def _one_type(platform: Platform, plural: str, repo_type: RepoType) -> APIRouter:
    routes = APIRouter(prefix=f"/api/{plural}/{{ns}}/{{name}}")
    datastore = platform.datastore

    @routes.get("")
    @routes.get("/revision/{rev:path}")
    def info(ns: str, name: str, request: Request, rev: str = "main") -> Document:
        repo = f"{ns}/{name}"
        commit = datastore.snapshot(repo_type, repo, rev)
        doc = datastore.repo(repo_type, repo)
        sized = request.query_params.get("blobs", "").lower() == "true"
        return {
            "_id": doc["_id"],
            "id": repo,
            "author": ns,
            "sha": commit["sha"],
            "createdAt": doc["created_at"],
            "lastModified": commit["created_at"],
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [
                hub_tree.sibling(path, commit["files"][path], sized) for path in sorted(commit["files"])
            ],
        }

    @routes.get("/tree/{rev}")
    @routes.get("/tree/{rev}/{folder:path}")
    def tree(ns: str, name: str, rev: str, request: Request, folder: str = "") -> list[Document]:
        commit = datastore.snapshot(repo_type, f"{ns}/{name}", rev)
        recursive, expand = (
            request.query_params.get(q, "").lower() == "true" for q in ("recursive", "expand")
        )
        found = list(hub_tree.tree(commit, folder.strip("/"), recursive, expand))
        if folder.strip("/") and not found:
            raise HubError(404, f"{folder} does not exist at {rev}", "EntryNotFound")
        return found

    @routes.get("/refs")
    def refs(ns: str, name: str) -> Document:
        branches = datastore.repo(repo_type, f"{ns}/{name}")["branches"]
        return {
            "branches": [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha}
                for name, sha in branches.items()
            ],
            "tags": [],
            "converts": [],
        }

    @routes.post("/preupload/{rev:path}")
    def preupload(ns: str, name: str, rev: str, body: Body) -> Document:
        datastore.snapshot(repo_type, f"{ns}/{name}", rev)
        answer = {"uploadMode": platform.settings.upload_mode, "shouldIgnore": False, "oid": None}
        return {"files": [{"path": file.path, **answer} for file in read_as(Preupload, body).files]}

    @routes.post("/paths-info/{rev:path}")
    def paths_info(ns: str, name: str, rev: str, body: Body) -> list[Document]:
        commit = datastore.snapshot(repo_type, f"{ns}/{name}", rev)
        asked = read_as(PathsInfo, body)
        every = {entry["path"]: entry for entry in hub_tree.tree(commit, "", True, asked.expand)}
        wanted = [asked.paths] if isinstance(asked.paths, str) else asked.paths
        return [every[path] for path in wanted if path in every]

    @routes.post("/commit/{rev:path}")
    def commit(ns: str, name: str, rev: str, raw: RawBody) -> Document:
        repo = f"{ns}/{name}"
        sha = hub_commit.apply(datastore, repo_type, repo, rev, raw)
        # Relative: an empty one, as real servers send, breaks hub 1.20 and later, an absolute one breaks 0.x.
        url = f"{_url(repo_type, repo)}/commit/{sha}"
        return {"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""}

    return routes


def _add_resolve(routes: APIRouter, datastore: Datastore) -> None:
    def resolve(repo_type: RepoType, ns: str, name: str, rev: str, path: str) -> Response:
        repo = f"{ns}/{name}"
        commit = datastore.snapshot(repo_type, repo, rev)
        entry = datastore.entry(repo_type, repo, path, commit["sha"])
        tag = entry["sha256"] if entry["lfs"] else entry["oid"]
        headers = {
            "ETag": f'"{tag}"',
            "X-Repo-Commit": commit["sha"],
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(path.rsplit('/', 1)[-1])}",
        }
        if entry["lfs"]:
            headers |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(entry["size"])}
        return FileResponse(datastore.blobs.path(entry["sha256"]), 200, headers, "application/octet-stream")

    @routes.api_route("/datasets/{ns}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    def resolve_dataset(ns: str, name: str, rev: str, path: str) -> Response:
        return resolve("dataset", ns, name, rev, path)

    @routes.api_route("/{ns}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    def resolve_model(ns: str, name: str, rev: str, path: str) -> Response:
        return resolve("model", ns, name, rev, path)
