"""A plan for 10,000 Services and 50 nodes: how far does one change reach?

The yardstick compares everything that is announced, as if nobody knew what
changed: ten times what it takes for five of the nodes.
"""

from __future__ import annotations

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


def compared(state: State) -> float:
    """The time that it takes to compare everything with itself, for all nodes."""
    some = View(state, NAMES[:COMPARED])
    took = seconds(lambda: list(announcement_difference(some, some)), 1)
    return took * NODES / COMPARED


def measure(what: str, state: State, changed: Resource | Sourced, yardstick: float) -> None:
    """Print what it takes to tell the difference that a change makes."""
    brought = changed if isinstance(changed, Sourced) else Sourced(changed)
    decided = decide(state, Change("files", (brought,)), TIME)
    before, after = View(state, NAMES), View(decided.state, NAMES)

    def planned() -> None:
        difference(state, decided.state, decided.facts)
        list(announcement_difference(before, after, decided.facts))

    took = seconds(planned, 1)
    show(what, f"{took * 1000:,.0f} ms", took / yardstick, "comparing everything")


def main() -> None:
    state = settled()
    yardstick = compared(state)
    show("comparing everything", f"{yardstick * 1000:,.0f} ms")
    measure("one new Service", state, service(SERVICES), yardstick)
    wide = Pool("public", addresses=("10.0.0.0/17",))
    measure("one widened pool", state, wide, yardstick)
    narrow = BGPAdvertisement("other", pools=("none",))
    measure("one advertisement of another pool", state, narrow, yardstick)
    measure("one labelled node", state, Node(NAMES[0], (("rack", "r1"),)), yardstick)


if __name__ == "__main__":
    main()
