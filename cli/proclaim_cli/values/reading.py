"""Manifests as the commands read them: one listing, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from proclaim.decide import decide
from proclaim.manifests import MAX_BYTES, read_documents
from proclaim.manifests.files import STAYS, list_paths
from proclaim.model import Authority, Authorized, Listing, Observation, Problem, Ref
from proclaim.references import dangling, notes
from proclaim.state import Rejection, State

SOURCE = "files"
"""The name of the file source, so that `run` finds again what `apply` recorded."""


class ProblemRow(NamedTuple):
    """One thing wrong with manifests."""

    file: str
    line: int
    kind: str
    name: str
    """As `namespace/name` where the kind has namespaces."""
    field: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = "/".join(part for part in (self.kind, self.name) if part)
        return ": ".join(part for part in (place, subject, self.field, self.problem) if part)


def listing_of(paths: Sequence[str], max_bytes: int = MAX_BYTES) -> Listing:
    """Read manifests once; passwords are dropped."""
    return list_paths(paths, max_bytes, SOURCE)[0]


class Checked(NamedTuple):
    """What there is to say about manifests."""

    problems: list[ProblemRow]
    notes: list[ProblemRow]
    """What is no mistake, and yet does nothing."""


def check(listing: Listing) -> Checked:
    """Everything wrong with a listing, in itself and with one resource beside another."""
    state = decide(State(), listing).state
    found = [_alone(each) for each in problems(listing, state)]
    return Checked(found, noted(listing, state))


def _alone(found: ProblemRow) -> ProblemRow:
    """A problem where nothing was read before, and so nothing can stay in force."""
    return found._replace(problem=found.problem.removesuffix(f"; {STAYS}"))


def noted(listing: Listing, state: State) -> list[ProblemRow]:
    """What of a listing does nothing, though nothing is wrong with it."""
    return sorted(_located(notes(state), listing, state))


def problems(listing: Listing, state: State) -> list[ProblemRow]:
    """The problems of a listing, what of it a state rejects, and what it names in vain.

    Sorted, each once.
    """
    found = {_row(problem) for problem in listing.problems}
    found.update(_located(dangling(state), listing, state))
    found.update(
        _rejected(ref, rejection)
        for ref, rejection in state.rejections.items()
        if rejection.source == listing.source
    )
    return sorted(found)


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


def _row(problem: Problem) -> ProblemRow:
    name = f"{problem.namespace}/{problem.name}" if problem.namespace else problem.name
    return ProblemRow(
        problem.file, problem.line, problem.kind, name, problem.field, problem.problem
    )


def _located(found: Iterable[Problem], listing: Listing, state: State) -> Iterator[ProblemRow]:
    """Those of a listing, each with the line of its resource."""
    for problem in found:
        ref = Ref(problem.kind, problem.namespace, problem.name)
        entry = state.get(ref)
        if entry is not None and entry.source == listing.source:
            yield _row(problem)._replace(line=next(_lines(problem.file, ref), 0))


def _rejected(ref: Ref, rejection: Rejection) -> ProblemRow:
    line = next(_lines(rejection.origin, ref), 0)
    return ProblemRow(rejection.origin, line, ref.kind, ref.short, "", rejection.problem)


def _lines(origin: str, ref: Ref) -> Iterator[int]:
    """The lines of a file that name a resource, looked up again: a listing has none."""
    try:
        data = Path(origin).read_bytes()
    except OSError:  # standard input, or a file that went meanwhile
        return
    read = read_documents(data, origin)
    for sourced, line in zip(read.resources, read.lines, strict=True):
        if sourced.resource.ref == ref:
            yield line
