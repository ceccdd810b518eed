"""What `get statuses` shows: the status objects of `metallb.io`, and which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence

from proclaim.statuses import Object

KINDS = ("ConfigurationState", "IPAddressPool", "ServiceBGPStatus", "ServiceL2Status")
_ASKED_FOR = {  # an IPAddressPool is shown as a pool
    f"{kind.lower()}{ending}": kind
    for kind in KINDS
    if kind != "IPAddressPool"
    for ending in ("", "s", "es")
}


def kind_of(text: str) -> str:
    """The kind of status that a word such as `servicel2statuses` asks for; "" when it is none."""
    return _ASKED_FOR.get(text.lower(), "")


def only_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    """The objects of one kind; all of them when none is named."""
    return [each for each in objects if kind in ("", each["kind"])]


def only_named(objects: Sequence[Object], names: set[str]) -> list[Object]:
    """The objects that are about one of these names."""
    return [each for each in objects if subject(each) in names]


def subject(found: Object) -> str:
    """What an object is about: a Service as `namespace/name`, else its own name."""
    status = found["status"]
    if "serviceName" in status:
        return f"{status['serviceNamespace']}/{status['serviceName']}"
    name: str = found["metadata"]["name"]
    return name


def node_of(found: Object) -> str:
    """The node that an object speaks of; "" when it is of the whole cluster."""
    labels = found["metadata"].get("labels", {})
    node: str = labels.get("metallb.io/node") or labels.get("metallb.io/node-name") or ""
    return node
