"""`record`: what an observation says that was not known before, as facts.

Levels, not edges: an observation is compared with the state, and what is equal
is no fact.  Saying the same thing twice therefore records nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from proclaim.admission import overlapping_pools, placing
from proclaim.events import (
    AuthorityTaken,
    Input,
    Observed,
    ProblemsReported,
    Rejected,
    RejectionWithdrawn,
    Removed,
    SourceListed,
    TaskFailed,
)
from proclaim.model import (
    Authorized,
    Change,
    Listing,
    Observation,
    PluginFailed,
    Pool,
    Problem,
    Ref,
    Sourced,
)
from proclaim.state import Rejection, State
from proclaim.steps import Steps, ordered

PAUSE_EVERY = 16
"""Resources looked at between two pauses: well under a millisecond."""


def record(state: State, observation: Observation) -> Steps[list[Input]]:
    """The facts in an observation, sorted so that their order is no accident."""
    match observation:
        case Listing():
            return (yield from _listing(state, observation))
        case Change():
            return (yield from _change(state, observation))
        case Authorized(authority=authority, load_balancer_class=name):
            known = (authority, name) == (state.authority, state.load_balancer_class)
            return [] if known else [AuthorityTaken(authority, name)]
        case PluginFailed(task=task, error=error):
            return [] if state.failures.get(task) == error else [TaskFailed(task, error)]


def _listing(state: State, listing: Listing) -> Steps[list[Input]]:
    incoming = yield from placing(state, listing.resources)
    keep = _Kept(listing)
    absent: list[Ref] = []
    at = 0
    for kind in sorted(state.resources):
        for ref, entry in state.resources[kind].items():
            at += 1
            if at % PAUSE_EVERY == 0:
                yield
            if entry.source != listing.source or ref in incoming:
                continue
            if not keep.covers(ref, entry.origin):
                absent.append(ref)
    given_up = [
        ref
        for ref, rejection in state.rejections.items()
        if rejection.source == listing.source
        and ref not in incoming
        and not keep.covers(ref, rejection.origin)
    ]
    facts = yield from _differences(state, listing.source, incoming, absent, given_up)
    problems = tuple(sorted(set(listing.problems)))
    if state.problems.get(listing.source, ()) != problems:
        facts.append(ProblemsReported(listing.source, problems))
    if listing.source not in state.listed:
        facts.append(SourceListed(listing.source))
    return facts


def _change(state: State, change: Change) -> Steps[list[Input]]:
    incoming = yield from placing(state, change.resources)
    gone = [ref for ref in change.gone if ref not in incoming]
    absent = [ref for ref in gone if (entry := state.get(ref)) and entry.source == change.source]
    given_up = [
        ref
        for ref in gone
        if (rejection := state.rejections.get(ref)) and rejection.source == change.source
    ]
    return (yield from _differences(state, change.source, incoming, absent, given_up))


class _Kept:
    """What a listing could not read, and what therefore stays as it was."""

    def __init__(self, listing: Listing) -> None:
        self._unreadable = tuple(listing.unreadable)
        self._roots = listing.roots
        self._lost_a_root = not frozenset(listing.roots).isdisjoint(listing.unreadable)
        self._named: frozenset[tuple[str, str]] = frozenset(
            (problem.kind, problem.name) for problem in listing.problems if problem.name
        )
        self._namespaces = _namespaces(listing.problems)

    def covers(self, ref: Ref, origin: str) -> bool:
        if (ref.kind, ref.name) in self._named and (
            not ref.namespace or (ref.kind, ref.namespace, ref.name) in self._namespaces
        ):
            return True
        if self._lost_a_root and not _lies_in(origin, self._roots):
            return True
        return _lies_in(origin, self._unreadable)


def _lies_in(origin: str, paths: Sequence[str]) -> bool:
    return any(origin == path or origin.startswith(path.rstrip("/") + "/") for path in paths)


def _namespaces(problems: Iterable[Problem]) -> frozenset[tuple[str, str, str]]:
    return frozenset(
        (problem.kind, problem.namespace or "default", problem.name) for problem in problems
    )


def _differences(
    state: State,
    source: str,
    incoming: Mapping[Ref, Sourced],
    absent: Sequence[Ref],
    given_up: Sequence[Ref],
) -> Steps[list[Input]]:
    facts: list[Input] = [RejectionWithdrawn(ref) for ref in sorted(given_up)]
    for at, ref in enumerate((yield from ordered(absent))):
        if at % PAUSE_EVERY == 0:
            yield
        facts.append(Removed(source, ref))
        heir = state.rejections.get(ref)
        if heir is not None and heir.source != source and not isinstance(heir.resource, Pool):
            facts.append(Observed(heir.source, heir.resource, heir.origin))
    pools: dict[str, Sourced] = {}
    foreign: list[tuple[Sourced, str]] = []
    for at, ref in enumerate((yield from ordered(incoming))):
        if at % PAUSE_EVERY == 0:
            yield
        sourced = incoming[ref]
        entry = state.get(ref)
        if entry is not None and entry.source != source:
            foreign.append((sourced, f"is given by {entry.source} already"))
        elif isinstance(sourced.resource, Pool):
            pools[ref.name] = sourced
        elif entry is None or (entry.resource, entry.origin) != (sourced.resource, sourced.origin):
            facts.append(Observed(source, sourced.resource, sourced.origin))
        else:
            facts.extend(_withdraw(state, source, ref))
    if pools or any(ref.kind == "IPAddressPool" for ref in (*absent, *given_up)):
        candidates = _rejected_pools(state, set(absent), set(given_up))
        candidates.update({name: (source, sourced) for name, sourced in pools.items()})
        facts.extend(_pools(state, candidates, set(absent)))
    facts.extend(_reject_foreign(state, source, foreign, facts))
    return facts


def _reject_foreign(
    state: State, source: str, foreign: Iterable[tuple[Sourced, str]], facts: Iterable[Input]
) -> list[Input]:
    """Reject what another source gives already, as things stand after these facts."""
    fulfilled = {
        (fact.source, fact.resource.ref)
        for fact in facts
        if isinstance(fact, Observed) and fact.source != source
    }
    rejections: list[Input] = []
    for sourced, problem in foreign:
        known = state.rejections.get(sourced.resource.ref)
        if known is not None and (known.source, sourced.resource.ref) in fulfilled:
            rejections.append(Rejected(source, sourced.resource, problem, sourced.origin))
        else:
            rejections.extend(_reject(state, source, sourced, problem))
    return rejections


def _reject(state: State, source: str, sourced: Sourced, problem: str) -> list[Input]:
    rejected = Rejection(sourced.resource, source, sourced.origin, problem)
    known = state.rejections.get(sourced.resource.ref)
    if known == rejected or (known is not None and known.source != source):
        return []  # of several that are rejected, the first is remembered
    return [Rejected(source, sourced.resource, problem, sourced.origin)]


def _withdraw(state: State, source: str, ref: Ref) -> list[Input]:
    """What the source wanted before, and was rejected, it does not want any more."""
    known = state.rejections.get(ref)
    return [RejectionWithdrawn(ref)] if known is not None and known.source == source else []


def _rejected_pools(
    state: State, absent: set[Ref], given_up: set[Ref]
) -> dict[str, tuple[str, Sourced]]:
    """The pools rejected before that may be tried again: none whose name another source has."""
    return {
        ref.name: (rejection.source, Sourced(rejection.resource, rejection.origin))
        for ref, rejection in state.rejections.items()
        if ref.kind == "IPAddressPool" and ref not in given_up
        if ref in absent or (entry := state.get(ref)) is None or entry.source == rejection.source
    }


def _pools(
    state: State, candidates: Mapping[str, tuple[str, Sourced]], absent: set[Ref]
) -> list[Input]:
    """Admit the pools that do not overlap; each comes with the source that gives it."""
    in_force: dict[str, Pool] = {
        ref.name: entry.resource
        for ref, entry in state.of_kind("IPAddressPool").items()
        if ref not in absent
    }
    new: dict[str, Pool] = {
        name: sourced.resource
        for name, (_, sourced) in candidates.items()
        if isinstance(sourced.resource, Pool) and in_force.get(name) != sourced.resource
    }
    problems = overlapping_pools(in_force, new)
    facts: list[Input] = []
    for name in sorted(candidates):
        giver, sourced = candidates[name]
        ref = sourced.resource.ref
        entry = state.get(ref) if name in in_force else None
        if name in problems:
            facts.extend(_reject(state, giver, sourced, problems[name]))
        elif entry is None or (entry.resource, entry.origin) != (sourced.resource, sourced.origin):
            facts.append(Observed(giver, sourced.resource, sourced.origin))
        else:
            facts.extend(_withdraw(state, giver, ref))
    return facts
