"""What to say after a reading: nothing, what changed, or everything again.

A `Change` is said only where it means exactly what the whole listing would:
when both readings were complete and without a problem.
"""

from __future__ import annotations

from proclaim import Change, Listing, Ref, Sourced


def difference(before: Listing | None, after: Listing) -> Listing | Change | None:
    """The observation that leads from one listing to the next; None when they are equal."""
    if before is None:
        return after
    if before == after:
        return None
    if before.problems or before.unreadable or after.problems or after.unreadable:
        return after
    old, new = _by_ref(before), _by_ref(after)
    if len(old) < len(before.resources) or len(new) < len(after.resources):
        return after  # something is given twice, and only the ledger knows which one counts
    changed = [sourced for ref, sourced in new.items() if old.get(ref) != sourced]
    gone = [ref for ref in old if ref not in new]
    if not changed and not gone:
        return None
    return Change(source=after.source, resources=tuple(changed), gone=tuple(gone))


def loses_something(before: Listing, after: Listing) -> bool:
    """Whether a resource was there before and is not any more."""
    return not _by_ref(before).keys() <= _by_ref(after).keys()


def _by_ref(listing: Listing) -> dict[Ref, Sourced]:
    return {sourced.resource.ref: sourced for sourced in listing.resources}
