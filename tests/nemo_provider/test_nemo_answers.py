"""The platform's refusals, in all their shapes."""

import html
import json
import pickle
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from nemo_provider.errors import (
    NemoApiError,
    NemoError,
    NemoInvalidRequestError,
    NemoUnavailableError,
    api_error,
)
from nemo_provider.hooks.answers import detail_of, document_of, error_of, json_of, retry_after

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"detail": "config exists"}', "config exists"),
        (b'{"error": "You already created this"}', "You already created this"),
        (b'{"status": 429, "title": "Too Many Requests"}', "Too Many Requests"),
        (b'{"object": "error", "message": "no such model", "code": 404}', "no such model"),
        (b"<html>starting</html>", "<html>starting</html>"),
        (b"", "no reason given"),
        (b"[]", "no reason given"),
    ],
)
def test_the_platforms_words_are_found(body: bytes, detail: str) -> None:
    assert detail_of(body) == detail


def test_a_validation_error_does_not_repeat_the_input() -> None:
    body = b'{"detail": [{"loc": ["body", "config", "api_key"], "msg": "too short", "input": "sk-1"}]}'
    error = error_of(422, {}, body, "POST /v1/evaluation/jobs", "")
    assert isinstance(error, NemoInvalidRequestError)
    assert "body.config.api_key: too short" in str(error)
    assert "sk-1" not in str(error)


def test_a_secret_that_the_platform_echoes_is_struck_out() -> None:
    assert "sk-1" not in str(error_of(400, {}, b'{"detail": "bad key sk-1"}', "POST /x", "", {"sk-1"}))


def test_a_secret_at_the_cut_is_struck_out_whole() -> None:
    said = "x" * 495 + "sk-0123456789"
    error = error_of(500, {}, said.encode(), "POST /x", "", {"sk-0123456789"})
    assert "sk-" not in str(error)
    assert len(str(error)) < 600


SECRET = 's/k&"é'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        html.escape(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_a_secret_is_struck_out_however_it_is_written(written: str) -> None:
    error = error_of(500, {}, f"<p>{written}</p>".encode(), "POST /x", "", {SECRET})
    assert str(error).endswith("<p>***</p>")


@pytest.mark.parametrize("detail", [b'[{"loc": 5, "msg": "bad"}]', b'["text", null]', b'[{"loc": "body"}]'])
def test_an_odd_list_of_validation_errors_is_still_a_refusal(detail: bytes) -> None:
    refused = error_of(422, {}, b'{"detail": ' + detail + b"}", "POST /x", "")
    assert isinstance(refused, NemoInvalidRequestError)


def test_too_many_requests_were_turned_away_at_the_door() -> None:
    turned_away = error_of(429, {"Retry-After": "3"}, b"", "POST /x", "")
    assert isinstance(turned_away, NemoUnavailableError)
    assert (turned_away.sent, turned_away.retry_after) == (False, 3.0)
    unclear = error_of(503, {}, b"", "POST /x", "")
    assert isinstance(unclear, NemoUnavailableError)
    assert unclear.sent


def test_a_page_where_json_was_due_is_no_answer() -> None:
    with pytest.raises(NemoUnavailableError, match="not JSON"):
        json_of(b"<html>", "GET /x")
    assert json_of(b'{"value": NaN}', "GET /x") == {"value": None}


@pytest.mark.parametrize("answer", [None, [], "text", 5])
def test_an_answer_that_is_no_object_is_no_usable_answer(answer: object) -> None:
    with pytest.raises(NemoUnavailableError, match="GET /x"):
        document_of(answer, "GET /x")


@pytest.mark.parametrize("error", [api_error(404, "gone", "GET /x"), NemoUnavailableError("x", sent=False)])
def test_errors_survive_pickling(error: NemoError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))
    assert not isinstance(error, NemoApiError) or copy.status == 404
