"""Embeddings over HTTP: batches, order, keys, retries, and what is no answer."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from nemo_provider.errors import (
    NemoAuthError,
    NemoConfigurationError,
    NemoInvalidRequestError,
    NemoUnavailableError,
)
from nemo_provider.hooks.embeddings import EmbeddingsHook
from nemo_provider.hooks.nim import NimHook
from tests.nemo_provider.embedding_server import EmbeddingServer, embedding_server
from tests.nemo_provider.support import Tenant, context, deployment, until

MODEL = "local/embed-hash"
KEY = "nvapi-0123456789"
TEXTS = [f"text {i}" for i in range(100)]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as served:
        yield served


def hook(server: EmbeddingServer, **given: str) -> EmbeddingsHook:
    return EmbeddingsHook("org/embed", url=server.url, api_key=KEY, key_source="EMB_API_KEY", **given)  # type: ignore[arg-type]


def test_texts_are_sent_in_batches_of_32_and_vectors_come_in_their_order(server: EmbeddingServer) -> None:
    vectors = hook(server).embed(TEXTS, "passage")
    assert vectors.dtype == np.float32
    assert vectors[:, 1].tolist() == [i + 1 for i in range(100)]
    assert sorted(len(request["input"]) for request in server.requests) == [4, 32, 32, 32]
    assert {(r["model"], r["input_type"], r["truncate"]) for r in server.requests} == {
        ("org/embed", "passage", "END")
    }
    assert server.keys == {f"Bearer {KEY}"}


def test_a_service_without_a_key_is_sent_none(server: EmbeddingServer) -> None:
    EmbeddingsHook("org/embed", url=server.url).embed(["one 1"], "query")
    assert server.keys == {None}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failed_batch_is_sent_again(server: EmbeddingServer, status: int) -> None:
    server.refusals = [status, status]
    assert len(hook(server).embed(TEXTS, "passage")) == 100
    assert len(server.requests) == 6


def test_a_batch_that_fails_for_good_is_an_error_that_names_the_service(server: EmbeddingServer) -> None:
    server.refusals = [500] * 100
    with pytest.raises(NemoUnavailableError, match=r"org/embed at http://127\.0\.0\.1.*500") as failed:
        hook(server).embed(["one 1"], "passage")
    assert 3 < len(server.requests) < 20
    assert KEY not in str(failed.value)


def test_a_service_that_is_not_there_is_an_error_that_names_its_address(
    connection: Callable[..., None],
) -> None:
    connection("nim_gone", "http://127.0.0.1:9", extra={"retry_wait": 0})
    with pytest.raises(NemoUnavailableError, match=r"org/embed at http://127\.0\.0\.1:9: No connection"):
        EmbeddingsHook("org/embed", nim_conn_id="nim_gone").embed(["one"], "passage")


def test_a_refused_key_is_not_tried_again_nor_told(server: EmbeddingServer) -> None:
    server.refusals = [401]
    with pytest.raises(NemoAuthError, match="The key from EMB_API_KEY was refused") as refused:
        hook(server).embed(["one 1"], "passage")
    assert KEY not in str(refused.value)
    assert len(server.requests) == 1


def test_a_request_that_is_refused_is_not_sent_again(server: EmbeddingServer) -> None:
    server.refusals = [400]
    with pytest.raises(NemoInvalidRequestError):
        hook(server).embed(["one 1"], "passage")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [None]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": None}],
        [{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": "AAAA"}],
        "nonsense",
    ],
)
def test_an_answer_without_a_vector_for_every_text_is_no_answer(
    server: EmbeddingServer, data: object
) -> None:
    server.body = {"data": data}
    with pytest.raises(NemoUnavailableError, match="not one vector of numbers for each of 2 texts"):
        hook(server).embed(["one", "two"], "passage")


def test_a_url_that_carries_a_credential_is_refused() -> None:
    with pytest.raises(NemoConfigurationError, match="credential"):
        EmbeddingsHook("org/embed", url="https://me:secret@host/v1/embeddings")


def test_vectors_of_the_embedded_platform_say_what_is_alike(platform: Tenant) -> None:
    deployment(platform, model=MODEL, image_name=f"nvcr.io/nim/{MODEL}").execute(context())
    until(lambda: MODEL in NimHook(base_url=platform.nim_url).list_models())
    served = EmbeddingsHook(MODEL, base_url=platform.nim_url)
    [question] = served.embed(["refund for a broken lamp"], "query")
    near, far = served.embed(["how do I get a refund for my lamp", "opening hours in Oslo"], "passage")
    assert question @ near > question @ far + 0.1
