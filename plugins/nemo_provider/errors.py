"""What can go wrong between Airflow and the platform.

    NemoError (AirflowException)
    ├── NemoConfigurationError      a person must mend a connection, a variable or an argument   not retried
    ├── NemoApiError                the platform refused: status, its own words, the request     retried
    │   ├── NemoInvalidRequestError 400, 422: the same request can only be refused again         not retried
    │   ├── NemoAuthError           401, 403: names the credential of the connection             not retried
    │   ├── NemoNotFoundError       404                                                          retried
    │   └── NemoConflictError       409, or the name is taken by something else                  retried
    ├── NemoUnavailableError        no usable answer; what was asked may have happened           retried
    ├── NemoJobFailedError          the job, deployment or model failed, in the platform's words not retried
    │   └── NemoOutOfGpusError      because the cluster has not enough GPUs for it               not retried
    └── NemoJobTimeoutError         we stopped waiting                                           not retried

"Not retried" are also ``AirflowFailException`` or ``AirflowSensorTimeout``, which end a task for good whatever its
``retries``: waiting again for a job that has failed finds it failed again.

A refusal is not always raised as what it is. To a wait it is a lost poll, of which some are forgiven: a job of hours is
not left alone for one 401. To a release everything is a ``NemoUnavailableError``: while GPUs may be held, a retry is
worth it.
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout


class NemoError(AirflowException):
    """Be the root of every error that this provider raises."""


class NemoConfigurationError(NemoError, AirflowFailException):
    """Say which connection, variable or argument is missing or wrong, and what to do."""


class NemoApiError(NemoError):
    """Carry a refusal of the platform.

    ``status`` is the HTTP status, ``detail`` the platform's own words, ``request`` what was asked, as
    ``"POST /v1/customization/jobs"``, ``advice`` what to do about it. None of them holds a credential.
    """

    def __init__(self, status: int, detail: str, request: str, advice: str = "") -> None:
        super().__init__(status, detail, request, advice)
        self.status, self.detail, self.request, self.advice = status, detail, request, advice

    def __str__(self) -> str:
        return f"{self.request} was answered with {self.status}: {self.detail}" + (
            f". {self.advice}" if self.advice else ""
        )


class NemoInvalidRequestError(NemoApiError, AirflowFailException):
    """Carry a 400 or 422: the request itself is wrong."""


class NemoAuthError(NemoApiError, AirflowFailException):
    """Carry a 401 or 403; the advice names the connection whose credential was refused."""


class NemoNotFoundError(NemoApiError):
    """Carry a 404: there is no such thing."""


class NemoConflictError(NemoApiError):
    """Carry a 409, or say that a name is taken by something with other content or another owner."""


class NemoUnavailableError(NemoError):
    """Say that no usable answer came: no connection, a lost answer, 408, 429, 502, 503 or 504.

    ``sent`` is False where it is certain that the platform did nothing; ``retry_after`` are the seconds it asked for.
    ``remedy`` is what a person can do, ``may_pass`` False where only that helps, as with a certificate.
    """

    retry_after: float | None = None

    def __init__(self, message: str, sent: bool = True, remedy: str = "", may_pass: bool = True) -> None:
        super().__init__(message, sent, remedy, may_pass)
        self.message, self.sent, self.remedy, self.may_pass = message, sent, remedy, may_pass

    def __str__(self) -> str:
        return self.message


class NemoJobFailedError(NemoError, AirflowFailException):
    """Say that the remote thing failed or was cancelled, with the platform's reason."""


class NemoOutOfGpusError(NemoJobFailedError):
    """Say that the cluster has not enough GPUs for the job or deployment."""


class NemoJobTimeoutError(NemoError, AirflowSensorTimeout):
    """Say that the wait was given up at its deadline, and what became of the job."""


_BY_STATUS: dict[int, type[NemoApiError]] = {
    400: NemoInvalidRequestError,
    401: NemoAuthError,
    403: NemoAuthError,
    404: NemoNotFoundError,
    409: NemoConflictError,
    422: NemoInvalidRequestError,
}


def api_error(status: int, detail: str, request: str, advice: str = "") -> NemoApiError:
    """Return the error class that belongs to an HTTP status, filled in."""
    return _BY_STATUS.get(status, NemoApiError)(status, detail, request, advice)
