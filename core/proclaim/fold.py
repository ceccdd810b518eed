"""`fold`: facts after a state give the next state.

It copies what it is about to change, once per batch, and mutates only its own
copies.  The same facts always give the same state, whatever process folds
them; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from proclaim.addresses import Occupied, parse_address
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
from proclaim.model import Community, EndpointSlice, Ref, Service, service_ref
from proclaim.state import Entry, Holding, Refusal, Rejection, State
from proclaim.steps import Steps

_AT_ONCE = 32
"""Facts folded between two pauses."""


def fold(state: State, recorded: Iterable[Recorded]) -> State:
    """The state after these facts; `state` itself is untouched."""
    folding = _Folding(state)
    for item in recorded:
        folding.apply(item)
    return folding.result()


def folding(state: State, recorded: Iterable[Recorded]) -> Steps[State]:
    """`fold` in small steps."""
    work = _Folding(state)
    for at, item in enumerate(recorded):
        if at % _AT_ONCE == 0:
            yield
        work.apply(item)
    return work.result()


def number(
    state: State, facts: Sequence[Fact], time: float, transaction: int | None = None
) -> list[Recorded]:
    """Give facts the places that they will have after `state` in one transaction."""
    return list(numbered(state, facts, time, transaction))


def numbered(
    state: State, facts: Sequence[Fact], time: float, transaction: int | None = None
) -> Iterator[Recorded]:
    """`number`, one fact at a time."""
    transaction = state.position + 1 if transaction is None else transaction
    for at, fact in enumerate(facts, start=1):
        yield Recorded(state.position + at, time, transaction, fact)


class _Folding:
    """Mutable while a batch is folded: each map is copied when first written to."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._last: Recorded | None = None
        self._scalars: dict[str, Any] = {}
        self._kinds: dict[str, dict[Ref, Entry]] = {}
        self._maps: dict[str, dict[Any, Any]] = {}
        self._occupied: Occupied | None = None

    def result(self) -> State:
        if self._last is None:
            return self._state
        changed: dict[str, Any] = {**self._scalars, **self._maps}
        if self._kinds:
            kinds = {**self._state.resources, **self._kinds}
            changed["resources"] = {kind: entries for kind, entries in kinds.items() if entries}
        if self._occupied is not None:
            changed["occupied"] = self._occupied
        position, time, transaction, _ = self._last
        return replace(
            self._state, position=position, time=time, transaction=transaction, **changed
        )

    def apply(self, item: Recorded) -> None:
        self._last = item
        _APPLY[type(item.fact)](self, item.fact, item)

    # --- what each fact changes ---

    def observed(self, fact: Observed[Any], item: Recorded) -> None:
        ref: Ref = fact.resource.ref
        entries = self._kind(ref.kind)
        if isinstance(fact.resource, EndpointSlice):
            self._unlink_slice(entries.get(ref))
            self._link_slice(fact.resource)
        elif isinstance(fact.resource, Service):
            self._note_preference(ref, fact.resource)
        elif isinstance(fact.resource, Community):
            self._remember_aliases(fact.resource)
        entries[ref] = Entry(fact.resource, fact.source, fact.origin, item.position, item.time)
        rejection: Rejection | None = self._read("rejections").get(ref)
        if rejection is not None and rejection.source == fact.source:
            del self._map("rejections")[ref]  # what another source would have stays remembered

    def removed(self, fact: Removed, item: Recorded) -> None:
        entry = self._kind(fact.ref.kind).pop(fact.ref, None)
        if fact.ref.kind == "EndpointSlice":
            self._unlink_slice(entry)
        elif fact.ref in self._read("preferring"):
            del self._map("preferring")[fact.ref]

    def rejected(self, fact: Rejected, item: Recorded) -> None:
        self._map("rejections")[fact.resource.ref] = Rejection(
            fact.resource, fact.source, fact.origin, fact.problem
        )

    def rejection_withdrawn(self, fact: RejectionWithdrawn, item: Recorded) -> None:
        self._map("rejections").pop(fact.ref, None)

    def source_listed(self, fact: SourceListed, item: Recorded) -> None:
        self._scalars["listed"] = self._scalar("listed") | {fact.source}

    def problems_reported(self, fact: ProblemsReported, item: Recorded) -> None:
        problems = self._map("problems")
        if fact.problems:
            problems[fact.source] = fact.problems
        else:
            problems.pop(fact.source, None)

    def authority_taken(self, fact: AuthorityTaken, item: Recorded) -> None:
        self._scalars["authority"] = fact.authority

    def assigned(self, fact: AddressAssigned, item: Recorded) -> None:
        holdings = self._map("holdings")
        previous: Holding | None = holdings.get(fact.service)
        if previous is not None:
            self._vacate(fact.service, previous.addresses)
        self._occupy(fact.service, fact.addresses)
        holdings[fact.service] = Holding(
            fact.addresses, fact.pool, fact.reason, item.position, item.time
        )
        self._map("refusals").pop(fact.service, None)

    def released(self, fact: AddressReleased, item: Recorded) -> None:
        holding = self._map("holdings").pop(fact.service)
        self._vacate(fact.service, holding.addresses)

    def refused(self, fact: AddressRefused, item: Recorded) -> None:
        self._map("refusals")[fact.service] = Refusal(fact.reason, item.position, item.time)

    def refusal_withdrawn(self, fact: RefusalWithdrawn, item: Recorded) -> None:
        self._map("refusals").pop(fact.service, None)

    def opaque(self, fact: Opaque, item: Recorded) -> None:
        self._scalars["unknown"] = self._scalar("unknown") + 1

    def task_failed(self, fact: TaskFailed, item: Recorded) -> None:
        self._map("failures")[fact.task] = fact.error

    # --- copies, made when first needed ---

    def _scalar(self, name: str) -> Any:  # noqa: ANN401 - the field's own type
        return self._scalars.get(name, getattr(self._state, name))

    def _map(self, name: str) -> dict[Any, Any]:
        made = self._maps.get(name)
        if made is None:
            made = self._maps[name] = dict(getattr(self._state, name))
        return made

    def _read(self, name: str) -> Mapping[Any, Any]:
        """For reading only: the copy if there is one, else the original."""
        made = self._maps.get(name)
        if made is not None:
            return made
        original: Mapping[Any, Any] = getattr(self._state, name)
        return original

    def _kind(self, kind: str) -> dict[Ref, Entry]:
        made = self._kinds.get(kind)
        if made is None:
            made = self._kinds[kind] = dict(self._state.of_kind(kind))
        return made

    def _remember_aliases(self, community: Community) -> None:
        if community.communities:
            aliases = self._map("aliases")
            for alias, value in community.communities:
                aliases[alias] = value

    # --- derived indexes ---

    def _note_preference(self, ref: Ref, service: Service) -> None:
        if service.ip_family_policy == "PreferDualStack":
            self._map("preferring")[ref] = None
        elif ref in self._read("preferring"):
            del self._map("preferring")[ref]

    def _occupy(self, service: Ref, addresses: tuple[str, ...]) -> None:
        holders = self._map("holders")
        for text in addresses:
            sharers = holders.get(text, ())
            if not sharers:
                self._own_occupied().add(parse_address(text))
            holders[text] = tuple(sorted((*sharers, service)))

    def _vacate(self, service: Ref, addresses: tuple[str, ...]) -> None:
        holders = self._map("holders")
        for text in addresses:
            left = tuple(holder for holder in holders[text] if holder != service)
            if left:
                holders[text] = left
            else:
                del holders[text]
                self._own_occupied().remove(parse_address(text))

    def _own_occupied(self) -> Occupied:
        if self._occupied is None:
            self._occupied = self._state.occupied.copy()
        return self._occupied

    def _link_slice(self, found: EndpointSlice) -> None:
        slices, owner = self._map("slices"), service_ref(found.namespace, found.service)
        slices[owner] = tuple(sorted({*slices.get(owner, ()), found.ref}))

    def _unlink_slice(self, entry: Entry | None) -> None:
        if entry is None:
            return
        slices = self._map("slices")
        owner = service_ref(entry.resource.namespace, entry.resource.service)
        left = tuple(ref for ref in slices.get(owner, ()) if ref != entry.resource.ref)
        if left:
            slices[owner] = left
        else:
            slices.pop(owner, None)


_APPLY: dict[type, Callable[[_Folding, Any, Recorded], None]] = {
    Observed: _Folding.observed,
    Removed: _Folding.removed,
    Rejected: _Folding.rejected,
    RejectionWithdrawn: _Folding.rejection_withdrawn,
    SourceListed: _Folding.source_listed,
    ProblemsReported: _Folding.problems_reported,
    AuthorityTaken: _Folding.authority_taken,
    TaskFailed: _Folding.task_failed,
    AddressAssigned: _Folding.assigned,
    AddressReleased: _Folding.released,
    AddressRefused: _Folding.refused,
    RefusalWithdrawn: _Folding.refusal_withdrawn,
    Opaque: _Folding.opaque,
}
