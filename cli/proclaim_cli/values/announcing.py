"""Whether Services are announced in a state, and why not, asked about many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proclaim.explain import Said, explain_announcement, kept_out
from proclaim.model import Announcement, Ref, Spread
from proclaim.reach import PlannedAnnouncement, View
from proclaim.terrain import Terrain, survey
from proclaim.verdict import Silence

from proclaim_cli.values.plain import Because, some
from proclaim_cli.values.silence import why_silent

_ANYWHERE = frozenset(
    {
        Silence.NO_ADDRESS,
        Silence.POOL_NOT_IN_FORCE,
        Silence.ADDRESS_OUTSIDE_POOL,
        Silence.NOT_PERMITTED,
        Silence.POOL_NOT_ADVERTISED,
        Silence.SERVICE_NOT_SELECTED,
    }
)
"""Silences that are the same on every node."""


class Announcing:
    """A state, its nodes, and what was found out about them."""

    def __init__(self, view: View) -> None:
        self._state = view.state
        self._nodes = view.nodes
        self._known = frozenset(view.nodes)
        self._terrains: dict[tuple[str, Spread], Terrain] = {}
        self._kept_out: dict[str, str] = {}

    def said(self, node: str, spread: Spread, ref: Ref) -> Said:
        """What a node announces of a Service in one way, or why nothing."""
        if node not in self._known and ref not in self._state.holdings:
            return Said(node, spread, False, Silence.NO_ADDRESS, "it has no address", (), ())
        if node not in self._known:
            text = f"nobody describes or hears of {node}"
            return Said(node, spread, False, Silence.NODE_UNKNOWN, text, (), ())
        key = (node, spread)
        if key not in self._terrains:
            self._terrains[key] = survey(self._state, node, spread)
        return explain_announcement(self._terrains[key], self._state, ref)

    def trap(self, ref: Ref) -> str:
        """Why no node announces a Service; empty when one does."""
        said: list[Said] = []
        for each in self._everywhere(ref):
            if each.prefixes:
                return ""
            said.append(each)
        holding = self._state.holdings.get(ref)
        pool = holding.pool if holding else ""
        if pool not in self._kept_out:
            self._kept_out[pool] = kept_out(self._state, pool)
        return why_silent(said, pool, self._kept_out[pool])

    def _everywhere(self, ref: Ref) -> Iterator[Said]:
        """The answers of every node; what is one answer everywhere is asked for once."""
        for node in self._nodes:
            answers = [self.said(node, spread, ref) for spread in Spread]
            if all(each.code in _ANYWHERE for each in answers):
                for other in self._nodes:
                    yield from (each._replace(node=other) for each in answers)
                return
            yield from answers


def why_changed(each: PlannedAnnouncement, before: Announcing, after: Announcing) -> Because | None:
    """Why an announcement goes: what is so afterwards; why it comes: what was so before.

    Of one that merely changes: what was otherwise.
    """
    if each.before is not None and each.after is not None:
        return Because("Changed", "; ".join(_otherwise(each.spread, each.before, each.after)))
    if each.after is not None:
        state, services, when = before, each.after.services, "so far "
    elif each.before is not None:
        state, services, when = after, each.before.services, ""
    else:
        return None
    found: dict[str, str] = {}
    for ref in services:
        said = state.said(each.node, each.spread, ref)
        text = f"{when}{said.message}"
        if said.prefixes:
            place = "so far" if when else "now"
            text = f"{place} announced as {', '.join(said.prefixes)}"
        found.setdefault(text, "Replaced" if said.prefixes else str(said.code))
    return Because(next(iter(found.values())), "; ".join(found)) if found else None


def _otherwise(spread: Spread, before: Announcement, after: Announcement) -> Iterator[str]:
    """In what an announcement changes: what it was, and what it is afterwards."""
    was, is_ = ([ref.short for ref in each.services] for each in (before, after))
    yield from _others(was, is_, "for")
    yield from _others(before.addresses, after.addresses, "of")
    if before.to != after.to:
        nobody = "no peer" if spread is Spread.EVERY_NODE else "every interface"
        yield f"to {', '.join(before.to) or nobody} -> {', '.join(after.to) or nobody}"
    old, new = before.attributes, after.attributes
    if old.local_pref != new.local_pref:
        yield f"localPref {old.local_pref or 'not set'} -> {new.local_pref or 'not set'}"
    if old.communities != new.communities:
        texts = (", ".join(each.communities) or "none" for each in (old, new))
        yield f"communities {' -> '.join(texts)}"


def _others(before: Sequence[str], after: Sequence[str], word: str) -> Iterator[str]:
    """What joins and what leaves; of many the first few."""
    came = [text for text in after if text not in before]
    went = [text for text in before if text not in after]
    if came:
        yield f"now also {word} {some(came)}"
    if went:
        yield f"no longer {word} {some(went)}"
