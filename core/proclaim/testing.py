"""For tests, yours and ours: `given(facts).when(observation).then(facts)`.

    given(
        pool("public", "192.0.2.0/32"),
        service("a"), assigned("a", "192.0.2.0"),
        service("b"), refused("b", Why.EXHAUSTED, pools=("public",), wanted="IPv4"),
    ).when(
        gone(service("a")),
    ).then(
        removed(service("a")),
        released("a", "192.0.2.0", why=Why.GONE),
        assigned("b", "192.0.2.0"),
    )

What is given is a history as the ledger would hold it: resources stand for the
fact that they were observed, and the decisions that they cause must be named
too.  Each `when` also checks the laws that hold for every decision (`lawful`),
so a scenario tests more than it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, get_args

import msgspec

from proclaim.decide import Decided, decide, settle
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    AuthorityTaken,
    Decision,
    Fact,
    Observed,
    Reason,
    Rejected,
    Removed,
    SourceListed,
    Why,
)
from proclaim.fold import fold, number
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    EndpointSlice,
    Listing,
    Namespace,
    Node,
    Observation,
    Pairs,
    Pool,
    Port,
    Problem,
    Ref,
    Resource,
    Selector,
    Service,
    Sourced,
    service_ref,
)
from proclaim.state import State

SOURCE = "test"
"""The source that everything comes from unless a test names another."""

RESOURCES: tuple[type, ...] = get_args(Resource)
_OBSERVATIONS: tuple[type, ...] = get_args(Observation)

Known: TypeAlias = Resource | Fact | Authority
"""What may be given: a resource and an authority stand for the fact that says so."""

Said: TypeAlias = Observation | Resource | Authority
"""What may happen: a resource stands for a change that brings it."""


# --- nouns --------------------------------------------------------------------------------------


def pairs(labels: Mapping[str, str]) -> Pairs:
    """Labels as the model keeps them."""
    return tuple(sorted(labels.items()))


def matching(**labels: str) -> tuple[Selector, ...]:
    """What a field of selectors holds that selects by these labels."""
    return (Selector(labels=pairs(labels)),)


def ref(name: str) -> Ref:
    """Name a Service: `web` in the namespace `default`, or `shop/web`."""
    namespace, _, last = name.rpartition("/")
    return service_ref(namespace or "default", last)


def service(
    name: str,
    *requested: str,
    labels: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401 - whatever fields the noun has
) -> Service:
    """A Service of type LoadBalancer; `requested` are the addresses that it asks for."""
    namespace, last = ref(name)[1:]
    known = {"type": "LoadBalancer", "labels": pairs(labels or {}), **more}
    return Service(namespace=namespace, name=last, requested_addresses=requested, **known)


def sharer(
    name: str,
    *requested: str,
    key: str = "k",
    ports: str = "",
    **more: Any,  # noqa: ANN401 - whatever fields the noun has
) -> Service:
    """A Service that would share its address under a key; `ports` as in `TCP/80 UDP/53`."""
    found = []
    for text in ports.split():
        protocol, _, number = text.partition("/")
        found.append(Port(protocol=protocol, port=int(number)))
    annotations = pairs({"metallb.io/allow-shared-ip": key})
    return service(name, *requested, annotations=annotations, ports=tuple(found), **more)


def pool(
    name: str,
    *addresses: str,
    labels: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401 - whatever fields the noun has
) -> Pool:
    """A pool of these CIDRs and ranges; `notes` are its annotations below `proclaim.io/`."""
    annotations = pairs({f"proclaim.io/{key}": value for key, value in (notes or {}).items()})
    known = {"labels": pairs(labels or {}), "annotations": annotations, **more}
    return Pool(name=name, addresses=addresses, **known)


def node(name: str, labels: Mapping[str, str] | None = None, *addresses: str) -> Node:
    """A node with these labels and addresses."""
    return Node(name=name, labels=pairs(labels or {}), addresses=addresses)


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Namespace:
    """A namespace with these labels."""
    return Namespace(name=name, labels=pairs(labels or {}))


def endpoints(name: str, *serving_nodes: str, slice_name: str = "") -> EndpointSlice:
    """A slice of a Service whose endpoints serve on these nodes."""
    owner = ref(name)
    return EndpointSlice(
        namespace=owner.namespace,
        name=slice_name or f"{owner.name}-1",
        service=owner.name,
        serving_nodes=tuple(sorted(serving_nodes)),
    )


# --- facts --------------------------------------------------------------------------------------


def observed(resource: Resource, origin: str = "", source: str = SOURCE) -> Observed[Any]:
    """A resource came into force."""
    return Observed(source, resource, origin)


def removed(resource: Resource | Ref, source: str = SOURCE) -> Removed:
    """A resource is gone."""
    return Removed(source, resource if isinstance(resource, Ref) else resource.ref)


def listed(source: str = SOURCE) -> SourceListed:
    """A source has given its first complete listing."""
    return SourceListed(source)


def rejected(resource: Resource, problem: str, origin: str = "", source: str = SOURCE) -> Rejected:
    """A resource contradicts what is in force."""
    return Rejected(source, resource, problem, origin)


def assigned(
    name: str, *addresses: str, why: Why = Why.FREE, pool: str = "public"
) -> AddressAssigned:
    """A Service holds these addresses from here on, by default because they were free."""
    named = addresses if why in (Why.ADOPTED, Why.REQUESTED) else ()
    found = str(Why.FREE) if why is Why.REQUESTED_POOL else ""
    reason = Reason(why, pool=pool, addresses=named, found=found)
    return AddressAssigned(ref(name), addresses, pool, reason)


def released(
    name: str,
    *addresses: str,
    why: Why,
    pool: str = "public",
    **values: Any,  # noqa: ANN401 - whatever fields a Reason has
) -> AddressReleased:
    """A Service holds these addresses no longer; `values` are what the reason compares."""
    known = {
        "pool": pool if why in (Why.NOT_COVERED, Why.NOT_PERMITTED) else "",
        "addresses": addresses if why is Why.NOT_COVERED else (),
        **values,
    }
    return AddressReleased(ref(name), addresses, pool, Reason(why, **known))


def refused(
    name: str,
    why: Why,
    **values: Any,  # noqa: ANN401 - whatever fields a Reason has
) -> AddressRefused:
    """A Service has none of what it wants; `values` are those of the reason."""
    return AddressRefused(ref(name), Reason(why, **values))


# --- observations -------------------------------------------------------------------------------


def listing(
    *resources: Resource | Sourced,
    source: str = SOURCE,
    unreadable: Iterable[str] = (),
    problems: Iterable[Problem] = (),
    roots: Iterable[str] = (),
) -> Listing:
    """Everything that a source has now."""
    return Listing(source, _sourced(resources), tuple(unreadable), tuple(problems), tuple(roots))


def change(*resources: Resource | Sourced, source: str = SOURCE) -> Change:
    """Some resources are new or different."""
    return Change(source, _sourced(resources))


def gone(*resources: Resource | Ref, source: str = SOURCE) -> Change:
    """Some resources are gone."""
    refs = tuple(item if isinstance(item, Ref) else item.ref for item in resources)
    return Change(source, gone=refs)


def _sourced(resources: Iterable[Resource | Sourced]) -> tuple[Sourced, ...]:
    return tuple(
        resource if isinstance(resource, Sourced) else Sourced(resource) for resource in resources
    )


def _observation(said: Said) -> Observation:
    if isinstance(said, Authority):
        return Authorized(said)
    if isinstance(said, _OBSERVATIONS):
        return said  # type: ignore[return-value]  # isinstance of a tuple does not narrow
    return change(said)  # type: ignore[arg-type]  # what is left is a resource


# --- given, when, then --------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """A state to start from."""

    state: State

    def when(self, *said: Said) -> Outcome:
        """What happens, one after the other; AssertionError when a law is broken."""
        missing = settle(self.state)
        if missing:
            raise AssertionError("what is given is not settled; it lacks:\n" + _lines(missing))
        state, facts = self.state, list[Fact]()
        for one in said:
            decided = lawful(state, _observation(one))
            facts.extend(decided.facts)
            state = decided.state
        return Outcome(state, tuple(facts))


@dataclass(frozen=True)
class Outcome(Given):
    """What happened, and the state after it; `when` goes on from there."""

    facts: tuple[Fact, ...] = ()

    @property
    def decisions(self) -> tuple[Fact, ...]:
        """The facts that were decided, without those that were learnt."""
        return tuple(fact for fact in self.facts if isinstance(fact, get_args(Decision)))

    def then(self, *expected: Fact) -> Outcome:
        """Exactly these facts were recorded, in this order; AssertionError if not."""
        return self._compare(self.facts, expected)

    def then_decides(self, *expected: Decision) -> Outcome:
        """Exactly this was decided, in this order; AssertionError if not."""
        return self._compare(self.decisions, expected)

    def then_holds(self, name: str, *addresses: str) -> Outcome:
        """A Service now has these addresses, or none; AssertionError if not."""
        holding = self.state.holdings.get(ref(name))
        have = holding.addresses if holding else ()
        if have != addresses:
            raise AssertionError(f"{name} holds {have}, expected {addresses}")
        return self

    def _compare(self, have: Iterable[Fact], expected: Iterable[Fact]) -> Outcome:
        have, expected = tuple(have), tuple(expected)
        if have != expected:
            raise AssertionError(f"expected:\n{_lines(expected)}\nrecorded:\n{_lines(have)}")
        return self


def given(*known: Known, state: State | None = None) -> Given:
    """Begin with a history: an allocator's, unless an authority is among what is known."""
    facts: list[Fact] = []
    if state is None and not any(isinstance(item, Authority) for item in known):
        facts.append(AuthorityTaken(Authority.ALLOCATE))
    for item in known:
        if isinstance(item, Authority):
            facts.append(AuthorityTaken(item))
        elif isinstance(item, RESOURCES):
            facts.append(Observed(SOURCE, item))
        else:
            facts.append(item)  # type: ignore[arg-type]  # what is left is a fact
    start = State() if state is None else state
    return Given(fold(start, number(start, facts, 0.0)))


def _lines(facts: Iterable[Fact]) -> str:
    return "\n".join(f"  {_line(fact)}" for fact in facts) or "  nothing"


def _line(fact: Fact) -> str:
    """A fact without the fields that say nothing."""
    return f"{type(fact).__name__} {msgspec.json.encode(fact).decode()}"


# --- the laws of a decision ---------------------------------------------------------------------


def lawful(state: State, observation: Observation, time: float = 0.0) -> Decided:
    """`decide`, and check what must hold for every decision; AssertionError when it does not."""
    decided = decide(state, observation, time)
    after = decided.state
    if decided.inputs:
        seen = fold(state, number(state, decided.inputs, time))
        everything = tuple(settle(seen))
        if decided.decisions != everything:
            raise AssertionError(
                f"looking only at who is affected gave:\n{_lines(decided.decisions)}\n"
                f"looking at everyone gives:\n{_lines(everything)}"
            )
    if unsettled := settle(after):
        raise AssertionError("the state after is not settled; it lacks:\n" + _lines(unsettled))
    if again := decide(after, observation, time).facts:
        raise AssertionError("saying the same again recorded:\n" + _lines(again))
    replayed = fold(state, number(state, decided.facts, time))
    if different := differences(replayed, after):
        raise AssertionError("replay differs from what was live:\n" + "\n".join(different))
    return decided


def differences(one: State, other: State) -> list[str]:
    """The fields in which two states differ, each with both values."""
    return [
        f"  {field.name}: {getattr(one, field.name)!r} != {getattr(other, field.name)!r}"
        for field in fields(State)
        if field.compare and getattr(one, field.name) != getattr(other, field.name)
    ]
