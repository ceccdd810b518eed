"""Says in one sentence for people why a connection did not work.

Pure: from the error that was raised, through its causes, to the one that a
person can act on.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import httpcore2

# X509_V_ERR_... of OpenSSL
_EXPIRED = 10
_NOT_YET = 9
_NAMES = (62, 64)  # of a host, of an address
_STRANGERS = (18, 19, 20, 21)  # self-signed, or an issuer that is not known

_OUR_CERTIFICATE = (
    "CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
)

_SYSTEM = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.EHOSTUNREACH: "there is no route to it",
    errno.ENETUNREACH: "there is no route to its network",
    errno.ETIMEDOUT: "the connection timed out",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection broke",
    errno.EMFILE: "this process has too many open files",
}


def sentence(server: str, error: BaseException) -> str:
    """The error as one sentence that names the server."""
    causes = list(_causes(error))
    for cause in causes:
        if why := _why(cause):
            return f"{server}: {why}"
    return f"{server}: {_in_general(causes[0])}"


def is_about_certificates(error: BaseException) -> bool:
    """Whether one side did not believe the other's certificate, so that a newer one may help."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, ssl.SSLError) and _refuses_ours(cause))
        for cause in _causes(error)
    )


def is_ended(error: BaseException) -> bool:
    """Whether a connection ended before an answer began, as one does that idled too long."""
    ends = (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError)
    return isinstance(error, ends) and not is_about_certificates(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, the members of groups too."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)
        waiting.extend((cause.__cause__, cause.__context__))


def _why(cause: BaseException) -> str:
    if isinstance(cause, httpcore2.ProxyError):
        return f"the proxy refused: {cause}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _unbelieved(cause)
    if isinstance(cause, ssl.SSLError):
        return _tls(cause)
    if isinstance(cause, socket.gaierror):
        return f"its name cannot be resolved: {cause.strerror}"
    if isinstance(cause, OSError) and cause.errno is not None:
        return _SYSTEM.get(cause.errno, "")
    return ""


def _unbelieved(error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return "its certificate has expired"
    if code == _NOT_YET:
        return "its certificate is not valid yet; compare the clocks"
    if code in _NAMES:
        return (
            f"its certificate is for another name: {error.verify_message}; "
            "tls-server-name can say which one to expect"
        )
    if code in _STRANGERS:
        return "its certificate is not from the certificate authority that is trusted here"
    return f"its certificate is not believed: {error.verify_message}"


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ""  # the plain end of a connection
    if _refuses_ours(error):
        return f"it does not accept our client certificate, or wants one ({_reason(error)})"
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return "it does not speak TLS"
    return f"TLS failed: {_reason(error)}"


def _refuses_ours(error: ssl.SSLError) -> bool:
    return (error.reason or "").endswith(_OUR_CERTIFICATE)


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "no reason given").lower().replace("_", " ")


def _in_general(error: BaseException) -> str:
    match error:
        case httpcore2.ConnectTimeout():
            return "no connection came about in time (proxies, firewalls and routes come to mind)"
        case httpcore2.TimeoutException():
            return "it did not take the request in time"
        case httpcore2.ConnectError():
            return "no connection came about"
        case httpcore2.LocalProtocolError():
            return "the request has something that HTTP does not allow"
        case httpcore2.RemoteProtocolError():
            return "the connection ended before the answer did, or it does not speak HTTP"
        case _:
            return "the connection broke"
