"""When two Services may share one address (the annotation `allow-shared-ip`).

Both must ask for it with the same key, have the same backends as far as the
traffic policy makes that matter, and no port of one protocol in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from proclaim.events import Reason, Why
from proclaim.model import Pairs, Port, Ref, Service


class Terms(NamedTuple):
    """All that sharing an address depends on."""

    key: str
    """Empty when the Service shares with nobody."""
    backends: Pairs | None
    ports: tuple[Port, ...]


ALONE = Terms("", None, ())


def terms(service: Service | None) -> Terms:
    """The terms of a Service; one that shares with nobody has no others."""
    if service is None or not (key := service.sharing_key):
        return ALONE
    return Terms(key, service.backends, service.ports)


def objection(service: Service, other: Service | None) -> Why | None:
    """The first rule by which two Services cannot share an address; None when they can."""
    mine, theirs = terms(service), terms(other)
    if not mine.key or not theirs.key:
        return Why.ADDRESS_IN_USE
    if mine.key != theirs.key:
        return Why.SHARING_KEY_DIFFERS
    if mine.backends != theirs.backends:
        return Why.TRAFFIC_POLICY_DIFFERS
    if not frozenset(mine.ports).isdisjoint(theirs.ports):
        return Why.PORT_IN_USE
    return None


def refusal(
    service: Service,
    held: Mapping[str, Iterable[Ref]],
    find: Callable[[Ref], Service | None],
    asked: str = "",
) -> Reason | None:
    """Why a Service cannot share addresses with their holders; None when it can.

    The rule named is the first in the order of `objection`, with every address and holder that
    it is about; `asked` is what the Service asks for.
    """
    against: dict[Why, dict[tuple[str, Ref], None]] = {}
    for text, holders in held.items():
        for holder in holders:
            if why := objection(service, find(holder)):
                against.setdefault(why, {})[text, holder] = None
    for why in _ORDER:
        if broken := against.get(why):
            others = tuple(sorted({holder for _, holder in broken}))
            wanted, found = _compared(why, service, find(others[0]))
            return Reason(
                why,
                addresses=tuple(dict.fromkeys(text for text, _ in broken)),
                services=others,
                wanted=wanted or asked,
                found=found,
            )
    return None


_ORDER = (
    Why.ADDRESS_IN_USE,
    Why.SHARING_KEY_DIFFERS,
    Why.TRAFFIC_POLICY_DIFFERS,
    Why.PORT_IN_USE,
)


def _compared(why: Why, service: Service, other: Service | None) -> tuple[str, str]:
    """What the rule compares: of the Service, and of the first of the others."""
    mine, theirs = terms(service), terms(other)
    if why is Why.SHARING_KEY_DIFFERS:
        return mine.key, theirs.key
    if why is Why.TRAFFIC_POLICY_DIFFERS:
        return _policy(mine.backends), _policy(theirs.backends)
    if why is Why.PORT_IN_USE:
        both = sorted(set(mine.ports) & set(theirs.ports))
        return ", ".join(f"{port.protocol} {port.port}" for port in both), ""
    return "", ""


def _policy(backends: Pairs | None) -> str:
    if backends is None:
        return "Cluster"
    selector = ",".join(f"{key}={value}" for key, value in backends)
    return f"Local ({selector or 'no selector'})"
