"""`record`: what an observation says that was not known before, as facts.

Levels, not edges: an observation is compared with the state, and what is equal
is no fact.  Saying the same thing twice therefore records nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from proclaim.admission import contradicting, placing
from proclaim.contradictions import CONTESTED, Circumstances, Contested, precedence
from proclaim.encounters import Places
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
    Node,
    Observation,
    PluginFailed,
    Problem,
    Ref,
    Sourced,
)
from proclaim.state import Rejection, State
from proclaim.steps import Steps, ordered

PAUSE_EVERY = 16
"""Resources looked at between two pauses: well under a millisecond."""

_BY_NODE = ("IPAddressPool", "BGPPeer", "BGPAdvertisement")
"""Kinds that may be rejected for what holds on some node; a pool for its advertisements."""


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
    incoming = yield from placing(state, listing.source, listing.resources)
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
    facts.extend(_problems(state, listing.source, listing.problems))
    if listing.source not in state.listed:
        facts.append(SourceListed(listing.source))
    return facts


def _change(state: State, change: Change) -> Steps[list[Input]]:
    incoming = yield from placing(state, change.source, change.resources)
    gone = [ref for ref in change.gone if ref not in incoming]
    absent = [ref for ref in gone if (entry := state.get(ref)) and entry.source == change.source]
    given_up = [
        ref
        for ref in gone
        if (rejection := state.rejections.get(ref)) and rejection.source == change.source
    ]
    facts = yield from _differences(state, change.source, incoming, absent, given_up)
    if change.problems is not None:
        facts.extend(_problems(state, change.source, change.problems))
    return facts


def _problems(state: State, source: str, found: Iterable[Problem]) -> list[Input]:
    """All that a source finds wrong now, where that is not what it found before."""
    problems = tuple(sorted(set(found)))
    same = state.problems.get(source, ()) == problems
    return [] if same else [ProblemsReported(source, problems)]


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
        if heir is not None and heir.source != source and ref.kind not in CONTESTED:
            facts.append(Observed(heir.source, heir.resource, heir.origin))
    contested: dict[Ref, Sourced] = {}
    foreign: list[tuple[Sourced, str]] = []
    for at, ref in enumerate((yield from ordered(incoming))):
        if at % PAUSE_EVERY == 0:
            yield
        sourced = incoming[ref]
        entry = state.get(ref)
        if entry is not None and entry.source != source:
            foreign.append((sourced, f"is given by {entry.source} already"))
        elif ref.kind in CONTESTED:
            contested[ref] = sourced
        elif entry is None or (entry.resource, entry.origin) != (sourced.resource, sourced.origin):
            facts.append(Observed(source, sourced.resource, sourced.origin))
        else:
            facts.extend(_withdraw(state, source, ref))
    contest = _Contest(source, contested, frozenset(absent), frozenset(given_up))
    facts.extend((yield from _contesting(state, contest, facts)))
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


# --- what can contradict each other -------------------------------------------------------------


class _Contest(NamedTuple):
    """What an observation says of the kinds that can contradict each other."""

    source: str
    brought: Mapping[Ref, Sourced]
    absent: frozenset[Ref]
    given_up: frozenset[Ref]


def _contesting(state: State, contest: _Contest, facts: Sequence[Input]) -> Steps[list[Input]]:
    """What comes into force and what is rejected, the other facts being these."""
    if not (_concerned(state, contest) or _nodes_matter(state, facts)):
        return []
    candidates = _tried_again(state, contest)
    candidates.update({ref: (contest.source, one) for ref, one in contest.brought.items()})
    before: dict[Ref, Contested] = {
        ref: entry.resource
        for kind in CONTESTED
        for ref, entry in state.of_kind(kind).items()
        if ref not in contest.absent
    }
    new = {
        ref: sourced.resource
        for ref, (_, sourced) in candidates.items()
        if isinstance(sourced.resource, Contested) and before.get(ref) != sourced.resource
    }
    places = Places(_nodes(state, facts))
    circumstances = Circumstances(before, places, frozenset(state.aliases))
    problems = yield from contradicting(new, circumstances)
    admitted: list[Input] = []
    for ref in sorted(candidates, key=precedence):
        giver, sourced = candidates[ref]
        entry = state.get(ref) if ref in before else None
        if ref in problems:
            admitted.extend(_reject(state, giver, sourced, problems[ref]))
        elif entry is None or (entry.resource, entry.origin) != (sourced.resource, sourced.origin):
            admitted.append(Observed(giver, sourced.resource, sourced.origin))
        else:
            admitted.extend(_withdraw(state, giver, ref))
    return admitted


def _concerned(state: State, contest: _Contest) -> bool:
    """Whether anything that can contradict another thing is not as it was."""
    return any(ref.kind in CONTESTED for ref in (*contest.absent, *contest.given_up)) or any(
        not _known(state, contest.source, sourced) for sourced in contest.brought.values()
    )


def _known(state: State, source: str, sourced: Sourced) -> bool:
    """Whether a value is in force or rejected already, and nothing else is wanted."""
    ref = sourced.resource.ref
    rejection, entry = state.rejections.get(ref), state.get(ref)
    if rejection is not None and rejection.source == source:
        return (rejection.resource, rejection.origin) == (sourced.resource, sourced.origin)
    return entry is not None and (entry.resource, entry.origin) == (
        sourced.resource,
        sourced.origin,
    )


def _nodes_matter(state: State, facts: Iterable[Input]) -> bool:
    """Whether nodes are not what they were, and something waits that may depend on them."""
    return any(ref.kind in _BY_NODE for ref in state.rejections) and any(
        (isinstance(fact, Observed) and isinstance(fact.resource, Node))
        or (isinstance(fact, Removed) and fact.ref.kind == "Node")
        for fact in facts
    )


def _nodes(state: State, facts: Iterable[Input]) -> list[Node]:
    """The nodes that are known after these facts."""
    nodes = state.nodes()
    for fact in facts:
        match fact:
            case Observed(resource=Node() as node):
                nodes[node.name] = node
            case Removed(ref=ref) if ref.kind == "Node":
                nodes.pop(ref.name, None)
            case _:
                pass
    return list(nodes.values())


def _tried_again(state: State, contest: _Contest) -> dict[Ref, tuple[str, Sourced]]:
    """What was rejected and may be tried again: nothing whose name another source has."""
    return {
        ref: (rejection.source, Sourced(rejection.resource, rejection.origin))
        for ref, rejection in state.rejections.items()
        if ref.kind in CONTESTED and ref not in contest.given_up
        if ref in contest.absent
        or (entry := state.get(ref)) is None
        or entry.source == rejection.source
    }
