"""`fold`: facts after a state give the next state.

It copies what it is about to change, once per batch, and mutates only its own
copies.  The same facts always give the same state, whatever process folds
them; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from immutables import Map, MapMutation

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
from proclaim.pool_index import PoolIndex
from proclaim.state import Entry, Holding, Refusal, Rejection, State
from proclaim.steps import Steps
from proclaim.tenure import Tenure

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
        self._kinds: dict[str, MapMutation[Ref, Entry]] = {}
        self._maps: dict[str, MapMutation[Any, Any]] = {}
        self._dicts: dict[str, dict[Any, Any]] = {}
        self._tenure = Tenure(state)
        self._sharing: dict[str, MapMutation[Ref, None]] = {}

    def result(self) -> State:
        if self._last is None:
            return self._state
        changed: dict[str, Any] = {**self._scalars, **self._dicts, **self._tenure.result()}
        if self._sharing:
            changed["sharing"] = self._finished_sharing()
        changed.update({name: mutation.finish() for name, mutation in self._maps.items()})
        if self._kinds:
            resources = dict(self._state.resources)
            resources.update({kind: mutation.finish() for kind, mutation in self._kinds.items()})
            changed["resources"] = {kind: found for kind, found in resources.items() if found}
            if index := _indexed(self._state, changed["resources"], self._kinds.keys()):
                changed["pool_index"] = index
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
        before = entries.get(ref)
        since = (item.position, item.time)
        if before is not None and before.resource == fact.resource:
            since = (before.position, before.time)  # only the place moved where it is written
        entries[ref] = Entry(fact.resource, fact.source, fact.origin, *since)
        if isinstance(fact.resource, EndpointSlice):
            self._unlink_slice(before)
            self._link_slice(fact.resource)
        elif isinstance(fact.resource, Service):
            self._note_key(ref, before.resource.sharing_key if before else "", fact.resource)
            self._note_single(ref, fact.resource)
        elif isinstance(fact.resource, Community):
            self._remember_aliases(fact.resource)
        rejection: Rejection | None = self._read("rejections").get(ref)
        if rejection is not None and rejection.source == fact.source:
            del self._dict("rejections")[ref]  # what another source would have stays remembered

    def removed(self, fact: Removed, item: Recorded) -> None:
        entry = self._kind(fact.ref.kind).pop(fact.ref, None)
        if entry is None:
            return
        if fact.ref.kind == "EndpointSlice":
            self._unlink_slice(entry)
        elif fact.ref.kind == "Service":
            self._note_key(fact.ref, entry.resource.sharing_key, None)
            self._note_single(fact.ref, None)

    def rejected(self, fact: Rejected, item: Recorded) -> None:
        self._dict("rejections")[fact.resource.ref] = Rejection(
            fact.resource, fact.source, fact.origin, fact.problem
        )

    def rejection_withdrawn(self, fact: RejectionWithdrawn, item: Recorded) -> None:
        self._dict("rejections").pop(fact.ref, None)

    def source_listed(self, fact: SourceListed, item: Recorded) -> None:
        self._scalars["listed"] = self._scalar("listed") | {fact.source}

    def problems_reported(self, fact: ProblemsReported, item: Recorded) -> None:
        problems = self._dict("problems")
        if fact.problems:
            problems[fact.source] = fact.problems
        else:
            problems.pop(fact.source, None)

    def authority_taken(self, fact: AuthorityTaken, item: Recorded) -> None:
        self._scalars["authority"] = fact.authority
        self._scalars["load_balancer_class"] = fact.load_balancer_class

    def assigned(self, fact: AddressAssigned, item: Recorded) -> None:
        holding = Holding(fact.addresses, fact.pool, fact.reason, item.position, item.time)
        self._tenure.assign(fact.service, holding)
        self._map("refusals").pop(fact.service, None)
        self._note_single(fact.service, self._service(fact.service))

    def released(self, fact: AddressReleased, item: Recorded) -> None:
        self._tenure.release(fact.service, item.position)
        self._map("single").pop(fact.service, None)

    def refused(self, fact: AddressRefused, item: Recorded) -> None:
        self._map("refusals")[fact.service] = Refusal(fact.reason, item.position, item.time)

    def refusal_withdrawn(self, fact: RefusalWithdrawn, item: Recorded) -> None:
        self._map("refusals").pop(fact.service, None)

    def opaque(self, fact: Opaque, item: Recorded) -> None:
        self._scalars["unknown"] = self._scalar("unknown") + 1

    def task_failed(self, fact: TaskFailed, item: Recorded) -> None:
        self._dict("failures")[fact.task] = fact.error

    # --- copies, made when first needed ---

    def _scalar(self, name: str) -> Any:  # noqa: ANN401 - the field's own type
        return self._scalars.get(name, getattr(self._state, name))

    def _map(self, name: str) -> MapMutation[Any, Any]:
        """One of the maps that grow with the cluster."""
        made = self._maps.get(name)
        if made is None:
            made = self._maps[name] = getattr(self._state, name).mutate()
        return made

    def _dict(self, name: str) -> dict[Any, Any]:
        """One of the maps that stay small."""
        made = self._dicts.get(name)
        if made is None:
            made = self._dicts[name] = dict(getattr(self._state, name))
        return made

    def _read(self, name: str) -> Mapping[Any, Any]:
        """For reading only: the copy if there is one, else the original."""
        made = self._dicts.get(name)
        if made is not None:
            return made
        original: Mapping[Any, Any] = getattr(self._state, name)
        return original

    def _kind(self, kind: str) -> MapMutation[Ref, Entry]:
        made = self._kinds.get(kind)
        if made is None:
            made = self._kinds[kind] = Map(self._state.of_kind(kind)).mutate()
        return made

    def _service(self, ref: Ref) -> Service | None:
        entries = self._kinds.get(ref.kind)
        entry = self._state.get(ref) if entries is None else entries.get(ref)
        return entry.resource if entry else None

    def _remember_aliases(self, community: Community) -> None:
        if community.communities:
            self._dict("aliases").update(community.communities)

    # --- derived indexes ---

    def _note_single(self, ref: Ref, service: Service | None) -> None:
        """Whether a Service prefers dual stack and holds one family."""
        holding = self._tenure.get(ref)
        if is_single(service, holding):
            self._map("single")[ref] = None
        elif ref in self._map("single"):
            del self._map("single")[ref]

    def _note_key(self, ref: Ref, before: str, service: Service | None) -> None:
        after = service.sharing_key if service else ""
        if before == after:
            return
        if before:
            self._sharers(before).pop(ref, None)
        if after:
            self._sharers(after)[ref] = None

    def _sharers(self, key: str) -> MapMutation[Ref, None]:
        made = self._sharing.get(key)
        if made is None:
            made = self._sharing[key] = self._state.sharing.get(key, Map()).mutate()
        return made

    def _finished_sharing(self) -> Map[str, Map[Ref, None]]:
        sharing = self._state.sharing.mutate()
        for key, mutation in self._sharing.items():
            sharers = mutation.finish()
            if sharers:
                sharing[key] = sharers
            else:
                sharing.pop(key, None)
        return sharing.finish()

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


def is_single(service: Service | None, holding: Holding | None) -> bool:
    """Whether a Service prefers dual stack and holds one family."""
    return (
        service is not None
        and holding is not None
        and len(holding.addresses) == 1
        and service.ip_family_policy == "PreferDualStack"
    )


def _indexed(
    state: State, resources: Mapping[str, Mapping[Ref, Entry]], changed: Collection[str]
) -> PoolIndex | None:
    """The index of the pools, where one of them or a namespace is another now."""
    if not {"IPAddressPool", "Namespace"} & set(changed):
        return None
    namespaces = {
        ref.name: entry.resource.labels for ref, entry in resources.get("Namespace", {}).items()
    }
    if "IPAddressPool" not in changed:
        return state.pool_index.with_namespaces(namespaces)
    pools = (entry.resource for entry in resources.get("IPAddressPool", {}).values())
    return PoolIndex(pools, namespaces)


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
