"""Names in manifests that lead nowhere, and fields that have no effect.

A resource is admitted without what it names: it may come later.  So nothing
here keeps anything out of force; it is what an operator should be told before
the network does.  Of a kind of which a document could not be read, no name is
said to be missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from proclaim.addresses import clip
from proclaim.encounters import Places, Session, session_of
from proclaim.model import BGPAdvertisement, BGPPeer, Problem, Ref, Secret, Service, is_literal
from proclaim.state import Entry, State

_SHARING = ("metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip")


def dangling(state: State) -> Iterator[Problem]:
    """What keeps a resource in force from doing what it says; `line` is left at 0."""
    broken = _broken(state)
    if "Community" not in broken:
        aliases = _aliases(state)
        for entry in _entries(state, "BGPAdvertisement"):
            yield from _communities(entry, aliases, state.aliases)
    yield from _not_run(state)
    if "BFDProfile" not in broken:
        profiles = _names(state, "BFDProfile")
        for entry in _entries(state, "BGPPeer"):
            name = entry.resource.bfd_profile
            if name and name not in profiles:
                yield _said(entry, "spec.bfdProfile", _missing("BFDProfile", name, profiles))


def notes(state: State) -> Iterator[Problem]:
    """What is no mistake, and yet does nothing: names of nothing, fields without effect."""
    broken = _broken(state)
    for kind in ("BGPAdvertisement", "L2Advertisement"):
        for entry in _entries(state, kind):
            yield from _unmatched(state, entry, broken)
    for entry in _entries(state, "BGPPeer"):
        for field, text in _unsupported(entry.resource):
            yield _said(entry, field, text)
    for entry in _entries(state, "Service"):
        yield from _sharing(entry)


def _broken(state: State) -> frozenset[str]:
    """The kinds of which a document could not be read."""
    return frozenset(problem.kind for found in state.problems.values() for problem in found)


def _entries(state: State, kind: str) -> Iterator[Entry]:
    return (entry for _, entry in sorted(state.of_kind(kind).items()))


def _names(state: State, kind: str) -> list[str]:
    return [ref.name for ref in sorted(state.of_kind(kind))]


def _aliases(state: State) -> list[str]:
    found = {
        alias
        for entry in state.of_kind("Community").values()
        for alias, _ in entry.resource.communities
    }
    return sorted(found)


def _said(entry: Entry, field: str, text: str) -> Problem:
    ref: Ref = entry.resource.ref
    return Problem(entry.origin, 0, *ref, field, text)


def _guess(name: str, known: Collection[str]) -> str:
    guess = get_close_matches(name, known, n=1)
    return f"; did you mean {guess[0]}?" if guess else ""


def _missing(kind: str, name: str, known: Collection[str]) -> str:
    return f"there is no {kind} {clip(name)}{_guess(name, known)}"


def _communities(
    entry: Entry, aliases: list[str], remembered: Mapping[str, str]
) -> Iterator[Problem]:
    ad: BGPAdvertisement = entry.resource
    for at, text in enumerate(ad.communities):
        if text in aliases or (is_literal(text) and text not in remembered):
            continue
        if text in remembered:
            sentence = (
                f"{clip(text)} is an alias that no Community defines any more; its last value "
                f"{remembered[text]} stays in use"
            )
        else:
            sentence = (
                f"{clip(text)} is neither a community (a:b or large:a:b:c) nor an alias that a "
                f"Community defines"
            )
        yield _said(entry, f"spec.communities[{at}]", sentence + _guess(text, aliases))


def _not_run(state: State) -> Iterator[Problem]:
    """The BGPPeers that give way on some node, because its labels brought two together."""
    if not state.of_kind("Node"):
        return  # whatever node this is, it has no labels that could bring them together
    places = Places(state.nodes().values())
    first: dict[Session, list[BGPPeer]] = {}
    for entry in _entries(state, "BGPPeer"):
        peer: BGPPeer = entry.resource
        session = session_of(peer)
        if session is None:
            continue
        for other in first.setdefault(session, []):
            if where := places.meeting(peer.node_selectors, other.node_selectors):
                yield _said(
                    entry,
                    "spec",
                    f"does not run on {where}, where BGPPeer {other.name} is the same session "
                    f"({session})",
                )
                break
        first[session].append(peer)


def _unmatched(state: State, entry: Entry, broken: Collection[str]) -> Iterator[Problem]:
    ad: Any = entry.resource
    named = [("ipAddressPools", "IPAddressPool", ad.pools)]
    if isinstance(ad, BGPAdvertisement):
        named.append(("peers", "BGPPeer", ad.peers))
    for field, kind, names in named:
        known = _names(state, kind)
        for at, name in enumerate(names):
            if kind not in broken and name not in known:
                yield _said(entry, f"spec.{field}[{at}]", _missing(kind, name, known))


def _unsupported(peer: BGPPeer) -> Iterator[tuple[str, str]]:
    """The fields of a peer that do nothing, or without which its session would come up."""
    if peer.bfd_profile:
        yield "spec.bfdProfile", "has no effect: BFD is not supported yet"
    if peer.graceful_restart:
        yield "spec.enableGracefulRestart", "has no effect: graceful restart is not supported yet"
    if peer.password is Secret.REFERENCE:
        yield (
            "spec.passwordSecret",
            "keeps the session down: there is no Secret to look into outside Kubernetes",
        )
    if peer.vrf:
        yield "spec.vrf", "keeps the session down: sessions inside a VRF are not supported yet"
    if peer.interface:
        yield "spec.interface", "keeps the session down: unnumbered peering is not supported yet"


def _sharing(entry: Entry) -> Iterator[Problem]:
    service: Service = entry.resource
    for key, _ in service.annotations:
        if key.lower() in _SHARING and service.type == "LoadBalancer":
            yield _said(
                entry,
                f"metadata.annotations[{key}]",
                "has no effect: sharing an address is not supported yet; every address has one "
                "holder",
            )
