"""Run every call of huggingface_hub that our users make against one Data Store; exit non-zero when one goes wrong.

`python hub_suite.py ENDPOINT [regular|lfs]`, with whatever version of the client that Python has. ENDPOINT is the
Data Store's `/v1/hf` address; the namespace `hub-suite` must be there. With `lfs` the server must ask for LFS uploads.
"""

import io
import os
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
if sys.argv[2:] == ["lfs"]:
    # From 1.20 on the client would go to Xet first, which no NeMo Data Store has.
    os.environ["HF_HUB_DISABLE_XET"] = "1"

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

NAMESPACE = "hub-suite"
LARGE = bytes(range(256)) * 4096  # 1 MiB
SHA_LENGTH = 40


def run(api: HfApi, repo_type: str, large_files: bool, folder: Path) -> None:
    """Go through the life of one repository."""
    repo = f"{NAMESPACE}/{repo_type}-{uuid.uuid4().hex[:8]}"
    of = {"repo_id": repo, "repo_type": repo_type}

    create_and_look(api, repo, repo_type)
    upload_in_every_way(api, of, folder)
    assert set(api.list_repo_files(**of)) == {
        "README.md",
        "bytes.jsonl",
        "training/a b+c@1.jsonl",
        "training/train.jsonl",
        "validation/deep/er.jsonl",
        "stream.bin",
    }
    read_listings(api, of, large_files)
    download(api, of, folder)
    delete_files(api, of)
    say_what_is_missing(api, of, folder)

    api.delete_repo(**of)
    assert not api.repo_exists(**of)
    expect(RepositoryNotFoundError, lambda: api.repo_info(**of))
    api.delete_repo(**of, missing_ok=True)
    expect(RepositoryNotFoundError, lambda: api.delete_repo(**of))


def create_and_look(api: HfApi, repo: str, repo_type: str) -> None:
    """Create a repository, once and again."""
    assert not api.repo_exists(repo, repo_type=repo_type)
    url = api.create_repo(repo, repo_type=repo_type)
    assert str(url).endswith(repo), url
    conflict = expect(HfHubHTTPError, lambda: api.create_repo(repo, repo_type=repo_type))
    assert conflict.response.status_code == 409
    api.create_repo(repo, repo_type=repo_type, exist_ok=True)
    assert api.repo_exists(repo, repo_type=repo_type)
    expect(HfHubHTTPError, lambda: api.create_repo(f"nobody/{uuid.uuid4().hex}", repo_type=repo_type))


def upload_in_every_way(api: HfApi, of: dict, folder: Path) -> None:
    """Upload bytes, a file, a stream, a folder and a commit of several operations."""
    first = api.upload_file(path_or_fileobj=b'{"a": 1}\n', path_in_repo="bytes.jsonl", **of)
    assert len(first.oid) == SHA_LENGTH, first
    local = folder / "upload" / "train.jsonl"
    local.parent.mkdir()
    local.write_bytes(LARGE)
    api.upload_file(path_or_fileobj=str(local), path_in_repo="training/train.jsonl", **of)
    api.upload_file(path_or_fileobj=io.BytesIO(LARGE[::-1]), path_in_repo="stream.bin", **of)
    nested = folder / "tree" / "deep"
    nested.mkdir(parents=True)
    (nested / "er.jsonl").write_bytes(b"{}\n")
    api.upload_folder(folder_path=folder / "tree", path_in_repo="validation", **of)
    commit = api.create_commit(
        operations=[
            CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n# A dataset\n"),
            CommitOperationAdd("training/a b+c@1.jsonl", b"odd name\n"),
        ],
        commit_message="two files at once",
        **of,
    )
    assert api.repo_info(**of).sha == commit.oid


def read_listings(api: HfApi, of: dict, large_files: bool) -> None:
    """Read info, tree, paths and refs."""
    info = api.repo_info(**of, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings}
    assert sizes["training/train.jsonl"] == len(LARGE)
    assert info.id == of["repo_id"]
    assert api.repo_info(**of, revision=info.sha).sha == info.sha

    top = {entry.path for entry in api.list_repo_tree(**of)}
    assert {"training", "validation", "README.md"} <= top, top
    below = {entry.path for entry in api.list_repo_tree(**of, path_in_repo="validation", recursive=True)}
    assert below == {"validation/deep", "validation/deep/er.jsonl"}, below
    expanded = [e for e in api.list_repo_tree(**of, expand=True) if e.path == "README.md"]
    assert expanded[0].last_commit.title == "two files at once"

    found = api.get_paths_info(paths=["training/train.jsonl", "training", "nowhere"], **of)
    by_path = {entry.path: entry for entry in found}
    assert set(by_path) == {"training/train.jsonl", "training"}
    stored = by_path["training/train.jsonl"]
    assert stored.size == len(LARGE)
    assert (stored.lfs is not None) == large_files, "the upload did not go the way the server asked for"

    refs = api.list_repo_refs(**of)
    assert [(branch.name, branch.target_commit) for branch in refs.branches] == [("main", info.sha)]
    assert api.file_exists(filename="bytes.jsonl", **of)
    assert not api.file_exists(filename="nowhere", **of)
    assert api.revision_exists(**of, revision="main")
    assert not api.revision_exists(**of, revision="cust-nowhere")


def download(api: HfApi, of: dict, folder: Path) -> None:
    """Download single files, at a branch and at a commit, and everything."""
    cache = folder / "cache"
    for name, content in (("training/train.jsonl", LARGE), ("training/a b+c@1.jsonl", b"odd name\n")):
        path = api.hf_hub_download(filename=name, cache_dir=cache, **of)
        assert Path(path).read_bytes() == content
    again = api.hf_hub_download(filename="training/train.jsonl", cache_dir=cache, **of)
    assert Path(again).read_bytes() == LARGE

    before = api.repo_info(**of).sha
    api.upload_file(path_or_fileobj=b"newer\n", path_in_repo="bytes.jsonl", **of)
    old = api.hf_hub_download(filename="bytes.jsonl", revision=before, local_dir=folder / "old", **of)
    new = api.hf_hub_download(filename="bytes.jsonl", local_dir=folder / "new", **of)
    assert (Path(old).read_bytes(), Path(new).read_bytes()) == (b'{"a": 1}\n', b"newer\n")

    everything = Path(api.snapshot_download(cache_dir=folder / "snapshots", **of))
    assert (everything / "stream.bin").read_bytes() == LARGE[::-1]
    assert (everything / "validation/deep/er.jsonl").read_bytes() == b"{}\n"


def delete_files(api: HfApi, of: dict) -> None:
    """Delete one file, several, a folder, and add while deleting."""
    api.delete_file(path_in_repo="stream.bin", **of)
    api.delete_folder(path_in_repo="validation", **of)
    api.create_commit(
        operations=[
            CommitOperationDelete("training/a b+c@1.jsonl"),
            CommitOperationAdd("testing/eval.jsonl", b"{}\n"),
        ],
        commit_message="swap",
        **of,
    )
    api.delete_files(delete_patterns=["*.md"], **of)
    left = set(api.list_repo_files(**of))
    assert left == {"bytes.jsonl", "training/train.jsonl", "testing/eval.jsonl"}, left


def say_what_is_missing(api: HfApi, of: dict, folder: Path) -> None:
    """Meet every kind of 404 as the exception that is meant."""
    gone = {**of, "cache_dir": folder / "none"}
    expect(EntryNotFoundError, lambda: api.hf_hub_download(filename="nowhere", **gone))
    expect(RevisionNotFoundError, lambda: api.hf_hub_download(filename="bytes.jsonl", revision="v9", **gone))
    expect(RevisionNotFoundError, lambda: api.repo_info(**of, revision="refs/pr/1"))
    nobody = {**of, "repo_id": f"{NAMESPACE}/nobody"}
    expect(RepositoryNotFoundError, lambda: api.list_repo_files(**nobody))
    expect(
        HfHubHTTPError,
        lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="../../etc/passwd", **of),
        ValueError,  # newer clients refuse such a path themselves
    )


def expect(kind: type[Exception], call: Callable[[], Any], *or_kinds: type[Exception]) -> Any:
    """Return the error of this kind that the call raises; fail when it raises none."""
    try:
        call()
    except (kind, *or_kinds) as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def main() -> None:
    """Run the suite for datasets and for models."""
    endpoint, large_files = sys.argv[1], sys.argv[2:] == ["lfs"]
    for repo_type in ("dataset", "model"):
        with tempfile.TemporaryDirectory() as folder:
            run(HfApi(endpoint=endpoint, token="nothing"), repo_type, large_files, Path(folder))
    print(f"huggingface_hub {huggingface_hub.__version__} ok")


if __name__ == "__main__":
    main()
