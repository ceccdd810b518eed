"""`statuses`: the status kinds of `metallb.io`, as objects that its readers know.

They tell what is wanted, not what became of it: a peer that a prefix is handed
to may be down.  Objects are plain values without what only an API server knows
(names it generates, owners, times of transition).  Nothing here decides
anything, and the same state always gives the same objects in the same order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from proclaim.addresses import (
    BITS,
    Address,
    Range,
    buggy_count,
    clip,
    parse_address,
    shortest_block,
)
from proclaim.encounters import session_of
from proclaim.model import (
    Authority,
    Node,
    Pool,
    Problem,
    Ref,
    Spread,
    any_matches,
    is_literal,
)
from proclaim.project import Projection, project
from proclaim.reality import is_bystander
from proclaim.state import Entry, State, ranges
from proclaim.terrain import peers_of

API_VERSION = "metallb.io/v1beta1"
INT64_MAX = (1 << 63) - 1
ENDLESS_BITS = 62
"""A block with so many host bits counts as endless, as MetalLB has it."""

Object: TypeAlias = dict[str, Any]

LONGEST_MESSAGE = 32_768
"""Characters that a condition may have in its message (meta/v1 Condition)."""
_NOT_CONFIGURATION = frozenset({"Service", "EndpointSlice", "Node", "Namespace"})
_POOLS = frozenset({"IPAddressPool", ""})
"""What concerns the controller: pools, and files of which nothing can be said."""
_OF_NODES = frozenset({"BGPPeer", "BGPAdvertisement"})
"""Kinds that matter only on the nodes that they select."""


# --- IPAddressPool --------------------------------------------------------------------------------


class Fill(NamedTuple):
    """How full a pool is in one family, exactly."""

    assigned: int
    """Distinct addresses that somebody holds."""
    capacity: int
    """Addresses that the pool may give."""
    endless: bool
    """Whether it counts as endless where only 64 bits are there to say so."""

    @property
    def available(self) -> int:
        return self.capacity - self.assigned


def fills(state: State, pools: Iterable[Pool]) -> Iterator[tuple[Pool, dict[int, Fill]]]:
    """How full pools are, by family."""
    asked = tuple(pools)
    buggy = _buggy(state) if any(pool.avoid_buggy_ips for pool in asked) else []
    for pool in asked:
        yield pool, {family: _fill(state, pool, family, buggy) for family in (4, 6)}


def _buggy(state: State) -> list[Address]:
    """The addresses held that old equipment may mistake, sorted; it looks at every one held."""
    return sorted(parse_address(text) for text in state.holders if text.endswith((".0", ".255")))


def _fill(state: State, pool: Pool, family: int, buggy: Sequence[Address]) -> Fill:
    """How full one is; `buggy` are the addresses held that old equipment may mistake, sorted."""
    spans = [span for span in ranges(pool) if span.family == family]
    capacity = sum(span.size for span in spans)
    assigned = sum(state.occupied.count(span) for span in spans)
    if pool.avoid_buggy_ips:
        capacity -= sum(buggy_count(span) for span in spans)
        assigned -= sum(_between(buggy, span) for span in spans)
    endless = capacity > INT64_MAX or any(map(_endless, spans))
    return Fill(assigned, capacity, endless)


def _between(addresses: Sequence[Address], span: Range) -> int:
    """How many of some sorted addresses lie in a range."""
    first, last = Address(span.family, span.first), Address(span.family, span.last)
    return bisect_right(addresses, last) - bisect_left(addresses, first)


def _endless(span: Range) -> bool:
    return BITS[span.family] - shortest_block(span) >= ENDLESS_BITS


def pool_statuses(state: State) -> list[Object]:
    """An IPAddressPool's status for each pool in force, by name.

    `available` is what is left of the capacity, or of the greatest number there
    is where the pool is endless.
    """
    found = []
    for pool, fill in fills(state, state.pools()):
        found.append(_object("IPAddressPool", pool_counts(fill), name=pool.name))
    return found


def pool_counts(fill: Mapping[int, Fill]) -> Object:
    """The status of one pool, given how full it is in each family."""
    return {
        **{f"assignedIPv{family}": fill[family].assigned for family in (4, 6)},
        **{f"availableIPv{family}": _available(fill[family]) for family in (4, 6)},
    }


def _available(fill: Fill) -> int:
    return INT64_MAX - fill.assigned if fill.endless else fill.available


# --- ServiceL2Status and ServiceBGPStatus ---------------------------------------------------------


def service_statuses(projection: Projection) -> list[Object]:
    """What a node announces of each Service, in one way: to which interfaces or peers."""
    made = (service_status(projection, ref) for ref in sorted(projection.parts))
    return [each for each in made if each is not None]


def service_status(projection: Projection, ref: Ref) -> Object | None:
    """What a node announces of one Service; None when it is nothing."""
    if ref not in projection.parts:
        return None
    routes = projection.terrain.spread is Spread.EVERY_NODE
    return _bgp_status(projection, ref) if routes else _l2_status(projection, ref)


def _l2_status(projection: Projection, ref: Ref) -> Object:
    """The interfaces are those of the first address, sorted; none means all of them."""
    first = projection.parts[ref][0]
    status = {"interfaces": [{"name": name} for name in sorted(first.to)]}
    return _of_service("ServiceL2Status", projection.terrain.node, ref, status)


def _bgp_status(projection: Projection, ref: Ref) -> Object | None:
    """The peers that any of its prefixes is handed to, whoever else needs the prefix."""
    prefixes = {part.prefix for part in projection.parts[ref]}
    peers = {
        peer
        for prefix in sorted(prefixes)
        for part in projection.contributions(prefix)
        for peer in part.to
    }
    if not peers:
        return None
    status = {"peers": sorted(peers)}
    return _of_service("ServiceBGPStatus", projection.terrain.node, ref, status)


def _of_service(kind: str, node: str, ref: Ref, more: Object) -> Object:
    labels = {
        "metallb.io/node": node,
        "metallb.io/service-name": ref.name,
        "metallb.io/service-namespace": ref.namespace,
    }
    status = {"node": node, "serviceName": ref.name, "serviceNamespace": ref.namespace, **more}
    return _object(kind, status, labels=labels)


# --- ConfigurationState ---------------------------------------------------------------------------


def configuration_states(state: State, nodes: Sequence[str]) -> list[Object]:
    """Whether the configuration is valid: the controller's pools, and all of it for each node.

    What concerns other nodes only is none of a node's business.
    """
    wrong = sorted(
        (
            *(each for found in state.problems.values() for each in found),
            *_contradictions(state),
            *_unresolved(state),
        )
    )
    pools = [each for each in wrong if each.kind in _POOLS]
    every = [each for each in wrong if each.kind not in _NOT_CONFIGURATION]
    known = {name: _node(state, name) for name in nodes}
    controller = _configuration(state, "poolReconcilerValid", pools)
    kind, label = "ConfigurationState", "metallb.io/component-type"
    return [
        _object(kind, controller, name="controller", labels={label: "controller"}),
        *(
            _object(
                kind,
                _configuration(
                    state,
                    "configReconcilerValid",
                    [
                        *(each for each in every if _concerns(state, each, known[node])),
                        *_brought_together(state, known[node]),
                    ],
                ),
                name=f"speaker-{node}",
                labels={label: "speaker", "metallb.io/node-name": node},
            )
            for node in nodes
        ),
    ]


def _contradictions(state: State) -> list[Problem]:
    return [
        Problem(file=each.origin, kind=ref.kind, name=ref.name, problem=each.problem)
        for ref, each in state.rejections.items()
    ]


def _unresolved(state: State) -> Iterator[Problem]:
    """References to something that may come yet; until then a part of the configuration waits."""
    for ref, entry in state.of_kind("BGPPeer").items():
        profile = entry.resource.bfd_profile
        if profile and state.get(Ref("BFDProfile", "", profile)) is None:
            yield _reference(entry, ref, "spec.bfdProfile", f"there is no BFDProfile {profile}")
    aliases = {
        alias
        for entry in state.of_kind("Community").values()
        for alias, _ in entry.resource.communities
    }
    for ref, entry in state.of_kind("BGPAdvertisement").items():
        for at, text in enumerate(entry.resource.communities):
            if text not in aliases and not is_literal(text):
                sentence = f"no Community defines the alias {clip(text)}"
                yield _reference(entry, ref, f"spec.communities[{at}]", sentence)


def _brought_together(state: State, node: Node | None) -> Iterator[Problem]:
    """Peers without a session on a node, since its labels selected another one for the same."""
    if node is None:
        return
    running = {session_of(peer): peer.name for peer in peers_of(state, node)}
    for ref, entry in sorted(state.of_kind("BGPPeer").items()):
        session = session_of(entry.resource)
        holder = running.get(session, ref.name) if session else ref.name
        if holder != ref.name and any_matches(entry.resource.node_selectors, node.labels):
            sentence = (
                f"has no session on node {node.name}: BGPPeer {holder} has it already ({session})"
            )
            yield _reference(entry, ref, "spec.nodeSelectors", sentence)


def _node(state: State, name: str) -> Node | None:
    entry = state.get(Ref("Node", "", name))
    return entry.resource if entry else None


def _reference(entry: Entry, ref: Ref, field: str, sentence: str) -> Problem:
    return Problem(file=entry.origin, kind=ref.kind, name=ref.name, field=field, problem=sentence)


def _concerns(state: State, problem: Problem, node: Node | None) -> bool:
    """Whether a problem is one of this node: it is not, when what it names selects others."""
    ref = Ref(problem.kind, problem.namespace, problem.name)
    known = state.rejections.get(ref) or state.get(ref)
    selectors = getattr(known.resource, "node_selectors", ()) if known else ()
    if not selectors or node is None or problem.kind not in _OF_NODES:
        return True
    return any_matches(selectors, node.labels)


def _configuration(state: State, condition: str, wrong: Sequence[Problem]) -> Object:
    """The result, its summary and the one condition.

    While sources have not been heard, that nothing is wrong says nothing.
    """
    unheard = state.authority is Authority.ADOPT or not state.listed
    if unheard and not wrong:
        return {"result": "Unknown", "errorSummary": "", "conditions": []}
    message = _summary(wrong) if wrong else ""
    return {
        "result": "Invalid" if wrong else "Valid",
        "errorSummary": message,
        "conditions": [
            {
                "type": condition,
                "status": "False" if wrong else "True",
                "reason": "ConfigurationError" if wrong else "Reconciled",
                "message": message,
            }
        ],
    }


def _summary(wrong: Sequence[Problem]) -> str:
    """What is wrong, a line each, as far as there is room; then how many more there are."""
    room = LONGEST_MESSAGE - len("\nand 1000000 more")
    text = "configuration error: "
    for at, problem in enumerate(wrong):
        line = f"\n{problem}" if at else str(problem)
        if len(text) + len(line) > room:
            return f"{text[:room]}\nand {len(wrong) - at} more"
        text += line
    return text


# --- all of them ----------------------------------------------------------------------------------


def statuses(state: State, nodes: Sequence[str]) -> list[Object]:
    """Every status object of a state, for the announcements of these nodes.

    Of Services there is none where only the nodes know what they announce.
    """
    spreads = () if is_bystander(state) else tuple(Spread)
    projections = [project(state, node, spread) for spread in spreads for node in nodes]
    return [
        *configuration_states(state, nodes),
        *pool_statuses(state),
        *(each for projection in projections for each in service_statuses(projection)),
    ]


def _object(
    kind: str, status: Object, name: str = "", labels: dict[str, str] | None = None
) -> Object:
    metadata: Object = {"name": name} if name else {}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "status": status}
