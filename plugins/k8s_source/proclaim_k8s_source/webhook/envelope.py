"""What reviews of both sorts share: a request inside, and an answer under its uid."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import msgspec

Object: TypeAlias = dict[str, Any]
"""An API object as JSON has it."""

T = TypeVar("T")


class NotAReview(Exception):
    """What came is not the review that was expected; the text says what is wrong with it."""


class _Envelope(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: msgspec.Raw


def opened(body: bytes, api_version: str, kind: str, request: type[T]) -> T:
    """The request in a review; raises NotAReview."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        if (envelope.api_version, envelope.kind) != (api_version, kind):
            raise NotAReview(
                f"{envelope.kind[:63]!r} of {envelope.api_version[:63]!r} is not accepted here; "
                f"{kind} of {api_version} is"
            )
        return msgspec.json.decode(envelope.request, type=request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAReview(f"not a {kind} of {api_version}: {error}") from None


def sealed(api_version: str, kind: str, response: Object) -> bytes:
    """The review that answers."""
    return msgspec.json.encode({"apiVersion": api_version, "kind": kind, "response": response})
