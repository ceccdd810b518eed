"""A plan for 10,000 Services and 50 nodes: how far does one change reach?

The yardstick compares everything that is announced from five of the nodes,
before and afterwards, as if nobody knew what changed; ten times that is what a
plan of all nodes would cost.
"""

from __future__ import annotations

from collections.abc import Iterable

from proclaim.decide import decide
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Change,
    L2Advertisement,
    Listing,
    Node,
    Pool,
    Resource,
    Sourced,
)
from proclaim.plan import difference
from proclaim.reach import View, announcement_difference
from proclaim.state import State
from scenes import TIME, seconds, service, show

SERVICES, NODES, COMPARED = 10_000, 50, 5
NAMES = [f"n{at}" for at in range(NODES)]


def settled() -> State:
    """A state in which every Service has its address and is announced."""
    ground: tuple[Resource, ...] = (
        Pool("public", addresses=("10.0.0.0/18",)),
        L2Advertisement("l2"),
        BGPAdvertisement("bgp"),
        BGPPeer("tor", 64512, peer_asn=64513, peer_address="10.255.0.1"),
        *(Node(name) for name in NAMES),
    )
    listed = (*(Sourced(each) for each in ground), *(service(at) for at in range(SERVICES)))
    state = decide(State(), Authorized(Authority.ALLOCATE), TIME).state
    return decide(state, Listing("files", listed), TIME).state


def measure(what: str, state: State, changed: Iterable[Resource | Sourced]) -> None:
    """Print what it takes to tell the difference that a change makes."""
    brought = tuple(each if isinstance(each, Sourced) else Sourced(each) for each in changed)
    decided = decide(state, Change("files", brought), TIME)
    before, after = View(state, NAMES), View(decided.state, NAMES)

    def planned() -> None:
        difference(state, decided.state, decided.facts)
        list(announcement_difference(before, after, decided.facts))

    def whole() -> None:
        some = NAMES[:COMPARED]
        list(announcement_difference(View(state, some), View(decided.state, some)))

    took, yardstick = seconds(planned, 3), seconds(whole, 1) * NODES / COMPARED
    show(what, f"{took * 1000:,.0f} ms", took / yardstick, "comparing everything")


def main() -> None:
    state = settled()
    measure("one new Service", state, [service(SERVICES)])
    measure("one widened pool", state, [Pool("public", addresses=("10.0.0.0/17",))])
    measure("one labelled node", state, [Node(NAMES[0], (("rack", "r1"),))])


if __name__ == "__main__":
    main()
