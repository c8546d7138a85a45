"""Why no answer came, in words for the person who has to find out."""

from __future__ import annotations

import errno
import ssl
from typing import NamedTuple

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

#: OpenSSL's numbers for a certificate that is one of another host, and of another IP address (X509_V_ERR_…_MISMATCH).
_OTHER_HOST = frozenset({62, 64})
_EXPIRED = 10
_REFUSED = "connection refused"
_TRUST = "Name the CA file as verify in the connection's extra, or in REQUESTS_CA_BUNDLE"


class Loss(NamedTuple):
    """Hold what happened, and what to do about it; ``may_pass`` is False where asking again can only end alike."""

    what: str
    remedy: str
    may_pass: bool = True


def loss_of(error: requests.RequestException) -> Loss:
    """Return why a request was not answered. Nothing of the request is repeated: it may hold a secret."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.exceptions.SSLError):
        return _tls(reason.args[0] if reason is not None and reason.args else None)
    if isinstance(error, requests.exceptions.ProxyError):
        return Loss(
            "the proxy did not pass it on", "Look at the proxy (HTTPS_PROXY, NO_PROXY, or the connection's)"
        )
    if isinstance(reason, NameResolutionError):
        return Loss("the host's name is not known here (DNS)", "Correct the host, or the DNS of this machine")
    # One of its kind is the name that is not known, and it is itself a kind of time-out.
    if isinstance(reason, NewConnectionError):
        cause = reason.__cause__
        refused = isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED
        what = _REFUSED if refused else str(getattr(cause, "strerror", None) or type(reason).__name__).lower()
        return Loss(what, "See whether it runs there, and listens on that port")
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, ConnectTimeoutError):
        return Loss(
            "no connection in time",
            "See whether it runs there, and whether a firewall drops what is sent to it",
        )
    if isinstance(error, requests.Timeout):
        return Loss(
            "it accepted the request and said nothing in time", "See its log: it hangs, or is overloaded"
        )
    return Loss(
        f"the connection was closed ({type(error).__name__})",
        "See its log; a service that speaks TLS wants https:// as its address",
    )


def never_sent(error: requests.RequestException) -> bool:
    """Say whether it is certain that the request did not reach anybody."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))


def _tls(error: object) -> Loss:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_HOST:
            return Loss(
                "its certificate is for another host (TLS)",
                "Use the name that the certificate is for, or give the service one for this name",
                may_pass=False,
            )
        if error.verify_code == _EXPIRED:
            return Loss("its certificate has expired (TLS)", "Renew it", may_pass=False)
        return Loss(f"its certificate is not trusted (TLS: {error.verify_message})", _TRUST, may_pass=False)
    name = getattr(error, "reason", None) or type(error).__name__
    return Loss(
        f"no TLS with it ({name})",
        "If it speaks plain HTTP there, its address begins with http://; if it wants a certificate, name it as cert",
        may_pass=False,
    )
