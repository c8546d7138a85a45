"""The platform's refusals, in all their shapes."""

import pickle
from datetime import UTC, datetime

import pytest

from nemo_provider.errors import (
    NemoApiError,
    NemoError,
    NemoInvalidRequestError,
    NemoUnavailableError,
    api_error,
)
from nemo_provider.hooks.answers import detail_of, error_of, json_of, retry_after

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


@pytest.mark.parametrize("error", [api_error(404, "gone", "GET /x"), NemoUnavailableError("x", sent=False)])
def test_errors_survive_pickling(error: NemoError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))
    assert not isinstance(error, NemoApiError) or copy.status == 404
