"""What the server says when it refuses: `Status` objects of meta/v1, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A request that is refused."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Json | None = None,
        metadata: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}
        self.headers = dict(headers or {})

    def status(self) -> Json:
        """The object that says so."""
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
        return {key: value for key, value in status.items() if value is not None}


class Cause:
    """One thing that is wrong with an object, and with which of its fields."""

    __slots__ = ("field", "message", "reason")

    def __init__(self, field: str, reason: str, message: str) -> None:
        self.field = field
        self.reason = reason
        self.message = message


def required(field: str, why: str = "") -> Cause:
    """A field that has to be there."""
    return Cause(field, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def invalid(field: str, shown: str, why: str) -> Cause:
    """A field with a value (as it is shown) that will not do."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {shown}: {why}")


def forbidden_field(field: str, why: str) -> Cause:
    """A field that may not be given here."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")


def unsupported(field: str, shown: str, accepted: Sequence[str]) -> Cause:
    """A field with a value that is none of those accepted."""
    listed = ", ".join(f'"{value}"' for value in accepted)
    return Cause(
        field,
        "FieldValueNotSupported",
        f"Unsupported value: {shown}: supported values: {listed}",
    )


def _named(name: str, group: str, kind: str) -> Json:
    details: Json = {"name": name, "kind": kind}
    if group:
        details["group"] = group
    return details


def qualified(name: str, group: str) -> str:
    """`leases.coordination.k8s.io`, or `services` in the core group."""
    return f"{name}.{group}" if group else name


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(
        404,
        "NotFound",
        f'{qualified(plural, group)} "{name}" not found',
        _named(name, group, plural),
    )


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """409 for a create."""
    return ApiError(
        409,
        "AlreadyExists",
        f'{qualified(plural, group)} "{name}" already exists',
        _named(name, group, plural),
    )


def conflict(group: str, plural: str, name: str, why: str = "") -> ApiError:
    """409 for an update of what is no longer current."""
    why = why or (
        "the object has been modified; "
        "please apply your changes to the latest version and try again"
    )
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}',
        _named(name, group, plural),
    )


def invalid_object(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 for an object, with all that is wrong with it."""
    said = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"
    details = _named(name, group, kind)
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    return ApiError(
        422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {listed}', details
    )


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(group: str, plural: str, name: str, why: str) -> ApiError:
    """403."""
    what = qualified(plural, group) + (f' "{name}"' if name else "")
    details = _named(name, group, plural)
    if not name:
        del details["name"]
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", details)


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415."""
    return ApiError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted),
    )


def expired(message: str, resume: str | None = None) -> ApiError:
    """410, with another continue token if there is one."""
    return ApiError(410, "Expired", message, metadata={"continue": resume} if resume else None)


def too_large_version(asked: int, current: int) -> ApiError:
    """504 for a resourceVersion from the future."""
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        {
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
        headers={"retry-after": "1"},
    )
