"""What Kubernetes accepts as a name, a label and a label's value.

Each function answers None, or what is wrong and what would be accepted as one
sentence.
"""

from __future__ import annotations

import re
from functools import lru_cache

from proclaim.addresses import clip

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_MAX_LABEL = 63
_MAX_SUBDOMAIN = 253


def label_name_problem(text: str) -> str | None:
    """What is wrong with the name of a Service or a Namespace (an RFC 1123 label)."""
    if len(text) <= _MAX_LABEL and _LABEL.fullmatch(text):
        return None
    return (
        f"{clip(text)} is not a name; at most {_MAX_LABEL} lower case letters, digits and '-' "
        "are expected, with a letter or digit at both ends"
    )


def subdomain_problem(text: str) -> str | None:
    """What is wrong with the name of any other object (an RFC 1123 subdomain)."""
    if len(text) <= _MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(text):
        return None
    return (
        f"{clip(text)} is not a name; at most {_MAX_SUBDOMAIN} lower case letters, digits, '-' "
        "and '.' are expected, with a letter or digit at both ends"
    )


@lru_cache(maxsize=4096)
def label_key_problem(key: str) -> str | None:
    """What is wrong with the key of a label."""
    prefix, slash, name = key.rpartition("/")
    prefix_is_good = not slash or (len(prefix) <= _MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(prefix))
    if prefix_is_good and len(name) <= _MAX_LABEL and _QUALIFIED.fullmatch(name):
        return None
    return f"{clip(key)} is not a label's key; name or prefix/name is expected"


@lru_cache(maxsize=4096)
def label_value_problem(value: str) -> str | None:
    """What is wrong with the value of a label."""
    if not value or (len(value) <= _MAX_LABEL and _QUALIFIED.fullmatch(value)):
        return None
    return (
        f"{clip(value)} is not a label's value; at most {_MAX_LABEL} letters, digits, '-', '_' "
        "and '.' are expected, with a letter or digit at both ends"
    )


def label_problem(key: str, value: str) -> str | None:
    """What is wrong with a label."""
    return label_key_problem(key) or label_value_problem(value)


def annotation_key_problem(key: str) -> str | None:
    """What is wrong with the key of an annotation; case does not matter in its prefix."""
    prefix, slash, name = key.rpartition("/")
    if label_key_problem(f"{prefix.lower()}{slash}{name}") is None:
        return None
    return f"{clip(key)} is not an annotation's key; name or prefix/name is expected"
