"""What the rules ask about, prepared once for a state: who is there, and what matches whom.

Every question that is asked for many resources has an index, so that looking
through ten thousand Services for each of two hundred selectors stays cheap.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias, TypeVar

from proclaim.addresses import clip
from proclaim.allocation import no_business
from proclaim.findings.finding import Finding, Related
from proclaim.findings.rules import Code
from proclaim.model import Pairs, Pool, Requirement, Selector
from proclaim.state import Entry, State
from proclaim.steps import Steps, ordered

T = TypeVar("T")

Found: TypeAlias = Generator[Finding | None, None, None]
"""What a rule yields: findings, and now and then None, where it may be paused."""
Asked: TypeAlias = Generator[None, None, T]
"""An answer that may take long; the same pauses."""

AT_ONCE = 64
"""Resources looked at between two pauses."""
_GUESSES = 50
"""Names that are guessed at for each kind; comparing texts takes long."""
_NAMED = 3


class Labelled:
    """Things with labels, indexed by them."""

    def __init__(self) -> None:
        self.labels: dict[str, Pairs] = {}
        self._by_key: dict[str, dict[str, list[str]]] = {}
        self._known: dict[Selector, frozenset[str]] = {}
        self._all: frozenset[str] | None = None

    def add(self, name: str, labels: Pairs) -> None:
        """Add a thing; all of them are added before anything is asked."""
        self.labels[name] = labels
        for key, value in labels:
            self._by_key.setdefault(key, {}).setdefault(value, []).append(name)

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        if self._all is None:
            self._all = frozenset(self.labels)
        return self._all

    def __bool__(self) -> bool:
        return bool(self.labels)

    def matching(self, selector: Selector) -> Asked[frozenset[str]]:
        """Those that a selector matches."""
        known = self._known.get(selector)
        if known is not None:
            return known
        found: list[str] = []
        for at, name in enumerate(self._candidates(selector)):
            if at % AT_ONCE == 0:
                yield
            if selector.matches(self.labels[name]):
                found.append(name)
        self._known[selector] = frozenset(found)
        return self._known[selector]

    def of_any(self, selectors: Sequence[Selector]) -> Asked[frozenset[str]]:
        """Those that any selector matches; all of them where there is no selector."""
        if not selectors:
            return self.names
        found: set[str] = set()
        for selector in selectors:
            found |= yield from self.matching(selector)
        return frozenset(found)

    def _candidates(self, selector: Selector) -> Iterable[str]:
        """The fewest among which all that match are."""
        several = [self._by_key.get(key, {}).get(value, []) for key, value in selector.labels]
        several += [
            self._having(each) for each in selector.expressions if each.operator in ("In", "Exists")
        ]
        return min(several, key=len, default=self.labels)

    def _having(self, requirement: Requirement) -> list[str]:
        values = self._by_key.get(requirement.key, {})
        wanted = values if requirement.operator == "Exists" else requirement.values
        return [name for value in wanted for name in values.get(value, ())]


@dataclass(frozen=True, slots=True)
class World:
    """A state as the rules see it."""

    state: State
    unread: frozenset[str]
    """The kinds of which a document could not be read; perhaps others are there."""
    rejected: frozenset[str]
    """The kinds of which a resource was rejected."""
    pools: tuple[Pool, ...]
    nodes: Labelled
    namespaces: Labelled
    services: Labelled
    """The Services that want an address of ours, by `namespace/name`."""
    wanting: tuple[Entry, ...]
    """The same, by name."""
    _names: dict[str, list[str]] = field(default_factory=dict)
    _known: dict[str, frozenset[str]] = field(default_factory=dict)
    _guesses: dict[tuple[str, str], str] = field(default_factory=dict)

    def entries(self, kind: str) -> Iterator[Entry]:
        """The resources of a kind in force, by name."""
        return (entry for _, entry in sorted(self.state.of_kind(kind).items()))

    def is_sure_of(self, *kinds: str) -> bool:
        """Whether all that was written of some kinds is in force, so that what is missing is."""
        return self.rejected.isdisjoint(kinds) and self.has_read(*kinds)

    def has_read(self, *kinds: str) -> bool:
        """Whether all that was written of some kinds is known, in force or rejected."""
        return self.unread.isdisjoint(kinds) and "" not in self.unread

    def is_missing(self, kind: str, name: str) -> bool:
        """Whether a name is surely nobody's; what was rejected has its name all the same."""
        return self.has_read(kind) and name not in self.known(kind)

    def names(self, kind: str) -> list[str]:
        """The names of a kind that were written, sorted."""
        if kind not in self._names:
            rejected = {ref for ref in self.state.rejections if ref.kind == kind}
            refs = rejected.union(self.state.of_kind(kind))
            self._names[kind] = [ref.name for ref in sorted(refs)]
        return self._names[kind]

    def known(self, kind: str) -> frozenset[str]:
        """The same, to look a name up in."""
        if kind not in self._known:
            self._known[kind] = frozenset(self.names(kind))
        return self._known[kind]

    def missing(self, kind: str, name: str) -> str:
        """The sentence that there is none of that name, with the nearest name that there is."""
        return f"there is no {kind} {clip(name)}{self.guess(kind, name, self.names(kind))}"

    def guess(self, kind: str, name: str, known: Sequence[str]) -> str:
        """The nearest of some names, as the end of a sentence; empty when none is near."""
        key = (kind, name)
        if key not in self._guesses:
            if len(self._guesses) >= _GUESSES:
                return ""
            near = get_close_matches(name, known, n=1)
            self._guesses[key] = f"; did you mean {near[0]}?" if near else ""
        return self._guesses[key]


def surveying(state: State) -> Steps[World]:
    """Prepare a state for the rules, in small steps."""
    return (yield from _surveying(state, (yield from _wanting(state))))


def surveying_configuration(state: State) -> Steps[World]:
    """The same for rules that look at no Service: there seems to be none."""
    return (yield from _surveying(state, ()))


def _wanting(state: State) -> Steps[tuple[Entry, ...]]:
    mine = []
    for at, (ref, entry) in enumerate(state.of_kind("Service").items()):
        if at % AT_ONCE == 0:
            yield
        if no_business(entry.resource, state.load_balancer_class) is None:
            mine.append((ref, entry))
    return tuple(entry for _, entry in (yield from ordered(mine)))


def _surveying(state: State, wanting: tuple[Entry, ...]) -> Steps[World]:
    unread = {problem.kind for found in state.problems.values() for problem in found}
    pools = state.pools()
    return World(
        state=state,
        unread=frozenset(unread),
        rejected=frozenset(ref.kind for ref in state.rejections),
        pools=pools,
        nodes=(yield from _labelling(state.of_kind("Node").values())),
        namespaces=(yield from _labelling(state.of_kind("Namespace").values())),
        services=(yield from _labelling(wanting)),
        wanting=wanting,
    )


def _labelling(entries: Iterable[Entry]) -> Steps[Labelled]:
    made = Labelled()
    for at, entry in enumerate(entries):
        if at % AT_ONCE == 0:
            yield
        made.add(entry.resource.ref.short, entry.resource.labels)
    return made


def said(entry: Entry, field: str, code: Code, sentence: str) -> Finding:
    """A finding about a resource; its line is not known here."""
    return Finding(entry.origin, 0, entry.resource.ref, field, code, sentence)


def beside(found: Finding, other: Entry) -> Finding:
    """A finding that is about another resource as well."""
    return found._replace(related=(Related(other.origin, 0, other.resource.ref),))


def listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
