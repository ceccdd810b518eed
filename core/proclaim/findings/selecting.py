"""What names, and what selectors lead to: nothing that exists, perhaps.

A resource is admitted without what it names, for that may come later.  So
nothing here keeps anything out of force; it is what an operator should be told
before the network does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from proclaim.addresses import clip
from proclaim.encounters import Places, Session, session_of
from proclaim.findings.finding import Finding
from proclaim.findings.rules import Code
from proclaim.findings.world import Found, Labelled, World, beside, said
from proclaim.model import (
    BGPAdvertisement,
    BGPPeer,
    Pool,
    Secret,
    Selector,
    is_literal,
    selects_pool,
)
from proclaim.pool_index import QUOTA
from proclaim.state import Entry

_Named: TypeAlias = tuple[str, str, Code, Sequence[str]]
"""A field, the kind whose names it holds, the code where one leads nowhere, and the names."""
_CONSEQUENCES = {
    Code.UNKNOWN_BFD_PROFILE: "; until there is, the ConfigurationState of its nodes is Invalid"
}
"""What follows from a name that leads nowhere, where one sees it elsewhere as well."""
_LISTS = ("spec.ipAddressPools", "spec.peers", "spec.serviceAllocation.namespaces")
"""The fields of which each name has a place of its own."""


def communities(world: World) -> Found:
    """Communities that are neither a value nor an alias that is defined now."""
    if not world.has_read("Community"):
        return
    written = [entry.resource for entry in world.entries("Community")]
    written += [
        one.resource for ref, one in world.state.rejections.items() if ref.kind == "Community"
    ]
    aliases = sorted({alias for community in written for alias, _ in community.communities})
    known, remembered = frozenset(aliases), world.state.aliases
    for entry in world.entries("BGPAdvertisement"):
        yield None
        for at, text in enumerate(entry.resource.communities):
            if text in known or (is_literal(text) and text not in remembered):
                continue
            sentence = (
                f"{clip(text)} is an alias that no Community defines any more; its last value "
                f"{remembered[text]} stays in use"
                if text in remembered
                else f"{clip(text)} is neither a community (a:b or large:a:b:c) nor an alias that "
                "a Community defines"
            )
            guess = world.guess("Community", text, aliases)
            yield said(entry, f"spec.communities[{at}]", Code.UNKNOWN_COMMUNITY, sentence + guess)


def giving_way(world: World) -> Found:
    """Peers that do not run on some node, because its labels brought two of one session there."""
    if not world.nodes:
        return  # whatever node this is, it has no labels that could bring them together
    places = Places(world.state.nodes().values())
    first: dict[Session, list[Entry]] = {}
    for entry in world.entries("BGPPeer"):
        yield None
        peer: BGPPeer = entry.resource
        session = session_of(peer)
        if session is None:
            continue
        for earlier in first.setdefault(session, []):
            other: BGPPeer = earlier.resource
            if where := places.meeting(peer.node_selectors, other.node_selectors):
                sentence = (
                    f"does not run on {where}, where BGPPeer {other.name} is the same session "
                    f"({session})"
                )
                yield beside(said(entry, "spec", Code.PEER_GIVES_WAY, sentence), earlier)
                break
        first[session].append(entry)


def names(world: World) -> Found:
    """Names of pools, peers, profiles and namespaces that lead nowhere."""
    for kind in ("BGPAdvertisement", "L2Advertisement", "BGPPeer", "IPAddressPool"):
        for entry in world.entries(kind):
            yield None
            for field, named, code, texts in _named(world, entry.resource):
                yield from _missing(world, entry, (field, named, code, texts))


def _named(world: World, resource: Any) -> Iterator[_Named]:  # noqa: ANN401 - one of four kinds
    match resource:
        case BGPPeer(bfd_profile=profile):
            if profile:
                yield "spec.bfdProfile", "BFDProfile", Code.UNKNOWN_BFD_PROFILE, [profile]
        case Pool(service_allocation=allocation, name=name):
            quota = world.state.pool_index.grounds[name].quota
            if world.namespaces:
                field, code = "spec.serviceAllocation.namespaces", Code.UNKNOWN_NAMESPACE
                yield field, "Namespace", code, allocation.namespaces if allocation else ()
                rationed = sorted(quota.named) if quota else ()
                yield f"metadata.annotations[{QUOTA}]", "Namespace", code, rationed
        case _:
            yield "spec.ipAddressPools", "IPAddressPool", Code.UNKNOWN_POOL, resource.pools
            if isinstance(resource, BGPAdvertisement):
                yield "spec.peers", "BGPPeer", Code.UNKNOWN_PEER, resource.peers


def _missing(world: World, entry: Entry, named: _Named) -> Iterator[Finding]:
    field, kind, code, texts = named
    for at, name in enumerate(texts):
        if world.is_missing(kind, name):
            place = f"{field}[{at}]" if field in _LISTS else field
            yield said(entry, place, code, world.missing(kind, name) + _CONSEQUENCES.get(code, ""))


def selectors(world: World) -> Found:
    """Selectors of advertisements, peers and pools that match nothing that there is."""
    for kind in ("BGPAdvertisement", "L2Advertisement"):
        for entry in world.entries(kind):
            yield None
            yield from _of_advertisement(world, entry)
    for entry in world.entries("BGPPeer"):
        yield None
        yield from _no_node(world, entry)
    for entry in world.entries("IPAddressPool"):
        yield None
        yield from _of_pool(world, entry)


def _of_advertisement(world: World, entry: Entry) -> Found:
    ad = entry.resource
    may_match = ad.pool_selectors and world.pools and world.is_sure_of("IPAddressPool")
    if may_match and not any(selects_pool(ad, pool) for pool in world.pools):
        yield said(
            entry,
            "spec.ipAddressPoolSelectors",
            Code.NO_POOL_MATCHES,
            "no IPAddressPool has these labels, so the advertisement covers none",
        )
    yield from _no_node(world, entry)
    yield from _each(world, entry, "spec.serviceSelectors", ad.service_selectors)
    preferred = [selector for _, selector in getattr(ad, "preferred_nodes", ())]
    yield from _each(world, entry, "spec.preferredNodeSelectors", preferred)


def _no_node(world: World, entry: Entry) -> Found:
    wanted = entry.resource.node_selectors
    if not wanted or not world.nodes or not world.is_sure_of("Node"):
        return
    if not (yield from world.nodes.of_any(wanted)):
        what = (
            "no session with the peer runs"
            if entry.resource.ref.kind == "BGPPeer"
            else ("no node announces for the advertisement")
        )
        yield said(
            entry, "spec.nodeSelectors", Code.NO_NODE_MATCHES, f"no Node has these labels; {what}"
        )


def _of_pool(world: World, entry: Entry) -> Found:
    allocation = entry.resource.service_allocation
    if allocation is None:
        return
    field = "spec.serviceAllocation"
    yield from _each(world, entry, f"{field}.namespaceSelectors", allocation.namespace_selectors)
    yield from _each(world, entry, f"{field}.serviceSelectors", allocation.service_selectors)


def _each(world: World, entry: Entry, field: str, wanted: Sequence[Selector]) -> Found:
    """Those of some selectors that match none of what they are for."""
    things, kind, code, what = _matched_by(world, field.rpartition(".")[2])
    if not things or not world.is_sure_of(kind):
        return
    for at, selector in enumerate(wanted):
        if not (yield from things.matching(selector)):
            yield said(entry, f"{field}[{at}]", code, f"no {what} has these labels")


def _matched_by(world: World, field: str) -> tuple[Labelled, str, Code, str]:
    """What the selectors of a field are for."""
    if field == "serviceSelectors":
        what = "Service of type LoadBalancer"
        return world.services, "Service", Code.NO_SERVICE_MATCHES, what
    if field == "namespaceSelectors":
        return world.namespaces, "Namespace", Code.NO_NAMESPACE_MATCHES, "Namespace"
    return world.nodes, "Node", Code.NO_PREFERRED_NODE_MATCHES, "Node"


def unsupported(world: World) -> Found:
    """Fields of peers that do nothing yet, or without which the session would come up."""
    for entry in world.entries("BGPPeer"):
        yield None
        for field, sentence in _unsupported(entry.resource, from_a_file=bool(entry.origin)):
            yield said(entry, field, Code.NOT_SUPPORTED_YET, sentence)


def _unsupported(peer: BGPPeer, from_a_file: bool) -> Iterator[tuple[str, str]]:
    if peer.bfd_profile:
        yield "spec.bfdProfile", "has no effect: BFD is not supported yet"
    if from_a_file and peer.password is Secret.REFERENCE:
        yield (
            "spec.passwordSecret",
            "keeps the session down: there is no Secret to look into outside Kubernetes",
        )
    if peer.vrf:
        yield "spec.vrf", "keeps the session down: sessions inside a VRF are not supported yet"
    if peer.interface:
        yield "spec.interface", "keeps the session down: unnumbered peering is not supported yet"
