"""What `log` and `replay` show: facts as records, and what each of them changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from proclaim import reasons
from proclaim.codec import Codec
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    AuthorityTaken,
    Fact,
    Observed,
    Opaque,
    ProblemsReported,
    Recorded,
    RefusalWithdrawn,
    Rejected,
    RejectionWithdrawn,
    Removed,
    SourceListed,
    TaskFailed,
)
from proclaim.model import (
    AnnouncerStatus,
    EndpointSlice,
    InterfaceStatus,
    NodeReachability,
    NodeWithdrawal,
    PeerStatus,
    Ref,
    service_ref,
)

from proclaim_cli.values.plain import Because, because, plain, rfc3339


class FieldChange(NamedTuple):
    """A field of a resource that is not what it was."""

    field: str
    before: Any
    after: Any


class FactRow(NamedTuple):
    """A fact with its place, and what it is about."""

    position: int
    time: str
    topic: str
    ref: str | None
    summary: str
    transaction: int
    body: dict[str, Any]
    """The fact's own fields; a reason with its sentence."""
    changed: tuple[FieldChange, ...] | None
    """What differs from the resource's last value; None when nobody asked."""

    def record(self) -> dict[str, Any]:
        """The record that scripts read: one level, place first."""
        found: dict[str, Any] = {
            "position": self.position,
            "time": self.time,
            "topic": self.topic,
            "ref": self.ref,
            "transaction": self.transaction,
            "summary": self.summary,
        }
        found.update((key, value) for key, value in self.body.items() if key not in found)
        if self.changed is not None:
            found["changed"] = plain(self.changed)
        return found


class Remembered:
    """The last value of each resource and holding, so that a change can be told."""

    def __init__(self) -> None:
        self._last: dict[Ref, dict[str, Any]] = {}

    def changed(self, fact: Fact) -> tuple[FieldChange, ...]:
        """The fields that a fact changes, and remember what they are now."""
        match fact:
            case Observed(resource=resource):
                return self._replace(resource.ref, plain(resource))
            case Removed(ref=ref):
                return self._replace(ref, {})
            case AddressAssigned(service=ref, addresses=addresses, pool=pool):
                return self._replace(_held(ref), {"addresses": list(addresses), "pool": pool})
            case AddressReleased(service=ref):
                return self._replace(_held(ref), {})
            case _:
                return ()

    def _replace(self, ref: Ref, now: dict[str, Any]) -> tuple[FieldChange, ...]:
        before = self._last.pop(ref, {})
        if now:
            self._last[ref] = now
        return tuple(
            FieldChange(key, before.get(key), now.get(key))
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        )


def _held(ref: Ref) -> Ref:
    """Where a Service's holding is remembered, beside the Service itself."""
    return ref._replace(kind="Holding")


def row(item: Recorded, codec: Codec, remembered: Remembered | None) -> FactRow:
    """A recorded fact as it is shown."""
    fact = item.fact
    ref = ref_of(fact)
    return FactRow(
        item.position,
        rfc3339(item.time),
        codec.topic(fact),
        str(ref) if ref else None,
        summary(fact),
        item.transaction,
        _body(fact),
        remembered.changed(fact) if remembered else None,
    )


def _body(fact: Fact) -> dict[str, Any]:
    """The fields of a fact; its reason as it is shown everywhere else."""
    found: dict[str, Any] = plain(fact.body if isinstance(fact, Opaque) else fact)
    if (reason := reason_of(fact)) is not None:
        found["reason"] = plain(reason)
    return found


def reason_of(fact: Fact) -> Because | None:
    """Why a decision was taken; None for what was learnt."""
    match fact:
        case (
            AddressAssigned(reason=reason)
            | AddressReleased(reason=reason)
            | AddressRefused(reason=reason)
        ):
            return because(reason)
        case _:
            return None


def ref_of(fact: Fact) -> Ref | None:
    """The resource that a fact is about."""
    match fact:
        case Observed(resource=resource) | Rejected(resource=resource):
            found: Ref = resource.ref
            return found
        case Removed(ref=ref) | RejectionWithdrawn(ref=ref):
            return ref
        case (
            AddressAssigned(service=ref)
            | AddressReleased(service=ref)
            | AddressRefused(service=ref)
            | RefusalWithdrawn(service=ref)
        ):
            return ref
        case _:
            return None


def concerned(fact: Fact) -> Iterator[Ref]:
    """Every resource that a search for it should find the fact by."""
    if (ref := ref_of(fact)) is not None:
        yield ref
    if isinstance(fact, Observed) and isinstance(fact.resource, EndpointSlice):
        yield service_ref(fact.resource.namespace, fact.resource.service)


def summary(fact: Fact) -> str:
    """A fact in a few words, besides its topic and its resource."""
    match fact:
        case AddressAssigned(addresses=addresses, reason=reason):
            return f"{' and '.join(addresses)} assigned: {reasons.message(reason)}"
        case AddressReleased(addresses=addresses, reason=reason):
            return f"{' and '.join(addresses)} released: {reasons.message(reason)}"
        case AddressRefused(reason=reason):
            return f"refused: {reasons.message(reason)}"
        case RefusalWithdrawn():
            return "no longer refused"
        case _:
            return _learnt(fact)


def _learnt(fact: Fact) -> str:
    match fact:
        case Observed(source=source, origin=origin, resource=resource):
            said = f"{state}, from {source}" if (state := _state(resource)) else f"from {source}"
            return f"{said}: {origin}" if origin else said
        case Removed(source=source):
            return f"gone from {source}"
        case Rejected(problem=problem):
            return f"rejected: {problem}"
        case RejectionWithdrawn():
            return "no longer rejected"
        case SourceListed(source=source):
            return f"first complete listing of {source}"
        case ProblemsReported(source=source, problems=problems):
            return f"{len(problems)} problems in {source}"
        case AuthorityTaken(authority=authority, load_balancer_class=name):
            return f"authority {authority}{f', for the class {name}' if name else ''}"
        case TaskFailed(task=task, error=error):
            return f"{task} failed: {error}"
        case _:
            return "of a kind that is not known here"


def _state(resource: object) -> str:
    """How a thing that has a state stands."""
    match resource:
        case PeerStatus(state=state, received_prefixes=received, advertised_prefixes=sent):
            return f"{state}, {received} received, {sent} advertised" if received + sent else state
        case NodeReachability(reachable=reachable):
            return "gives a sign of life" if reachable else "gives no sign of life"
        case NodeWithdrawal(why=why):
            return f"announces nothing for now: {why}"
        case AnnouncerStatus(running=running):
            return "running" if running else "not running"
        case InterfaceStatus(why_not=why_not):
            return why_not or "usable"
        case _:
            return ""
