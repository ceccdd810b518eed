"""Manifests as the commands read them: one listing, and everything that is to say about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proclaim.decide import decide
from proclaim.events import Why
from proclaim.findings import Code, Finding, examine, of_problem
from proclaim.manifests import MAX_BYTES
from proclaim.manifests.files import STAYS, FileReader, Reading
from proclaim.model import Authority, Authorized, Listing, Observation
from proclaim.state import State

from proclaim_cli.values.places import located

SOURCE = "files"
"""The name of the file source, so that `run` finds again what `apply` recorded."""


def reading_of(paths: Sequence[str], max_bytes: int = MAX_BYTES) -> Reading:
    """Read manifests once."""
    return FileReader(paths, max_bytes, SOURCE).read()


def check(reading: Reading, load_balancer_class: str = "") -> list[Finding]:
    """Everything to say about manifests by themselves, as an empty ledger would take them.

    Who holds an address of a closed pool was given it before, which nobody knows here: so nothing
    is said of who would get none of it, nor of who would therefore need one of another pool.
    """
    state = State()
    asked = Authorized(Authority.ALLOCATE, load_balancer_class)
    for observation in observations(state, reading.listing, asked):
        state = decide(state, observation).state
    closed = any(ground.closed for ground in state.pool_index.grounds.values())
    return [
        _alone(each)
        for each in findings(reading, state)
        if each.reason != Why.POOL_CLOSED and not (closed and each.code is Code.POOL_EXHAUSTED)
    ]


def _alone(found: Finding) -> Finding:
    """A finding where nothing was read before, and so nothing can stay in force."""
    return found._replace(sentence=found.sentence.removesuffix(f"; {STAYS}"))


def findings(reading: Reading, state: State) -> list[Finding]:
    """Everything to say about what was read, in a state that it led to; sorted, each once."""
    source = reading.listing.source
    found = {each for each in examine(state) if _comes_from(each, state, source)}
    found.update(map(of_problem, reading.listing.problems))
    found.update(reading.remarks)
    return sorted(located(found, reading.standard_input))


def _comes_from(found: Finding, state: State, source: str) -> bool:
    """Whether a finding is about a resource of a source; what it could not read has none."""
    if found.code in (Code.INVALID_MANIFEST, Code.UNREADABLE):
        return False
    if (rejection := state.rejections.get(found.ref)) and rejection.source == source:
        return True
    entry = state.get(found.ref)
    return entry is not None and entry.source == source


def observations(state: State, listing: Listing, asked: Authorized) -> Iterator[Observation]:
    """What a service that reads this listing would observe until it may decide.

    A ledger that follows another allocator goes on following: only `run` makes it allocate.
    """
    ours = asked.load_balancer_class
    if Authority.FOLLOW in (asked.authority, state.authority):
        yield Authorized(Authority.FOLLOW, ours)
        yield listing
        return
    if state.authority is not Authority.ALLOCATE:
        yield Authorized(Authority.ADOPT, ours)
    yield listing
    yield Authorized(Authority.ALLOCATE, ours)
