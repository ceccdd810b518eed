"""What the benchmarks share: a cluster to measure on, and how figures are printed."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

from proclaim.addresses import Range
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.decide import decide
from proclaim.fold import number
from proclaim.log import Event
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    L2Advertisement,
    Listing,
    Node,
    Observation,
    Pool,
    Port,
    Resource,
    Service,
    Sourced,
)
from proclaim.state import State

CODEC = Codec(KINDS)
TIME = 1700000000.123456
NODE = "n1"


def service(at: int, port: int = 80) -> Sourced:
    """One of many Services."""
    return Sourced(
        Service(
            "default",
            f"service-{at:05}",
            labels=(("app", f"app-{at % 100}"),),
            type="LoadBalancer",
            ports=(Port("TCP", port),),
        ),
        f"/etc/proclaim/{at:05}.yaml",
    )


def listing(services: int, port: int = 80) -> Listing:
    """A first listing: a pool, one advertisement of each sort, a peer, a node, the Services."""
    ground = (
        Pool("public", addresses=("10.0.0.0/12",)),
        L2Advertisement("l2"),
        BGPAdvertisement("bgp"),
        BGPPeer("tor", 64512, peer_asn=64513, peer_address="10.255.0.1"),
        Node(NODE),
    )
    return Listing(
        "files",
        (
            *(Sourced(each, "/etc/proclaim/ground.yaml") for each in ground),
            *(service(at, port) for at in range(services)),
        ),
    )


def member(at: int, port: int = 80) -> Service:
    """One of the many Services of a `cluster`."""
    return Service(
        f"team-{at % 50:02}",
        f"service-{at:06}",
        labels=(("app", f"app-{at % 100}"),),
        type="LoadBalancer",
        ports=(Port("TCP", port),),
    )


def pool(at: int, capacity: int) -> Pool:
    """One of the many pools of a `cluster`, with so many addresses."""
    first = (10 << 24) + (at << 16)
    return Pool(f"pool-{at:03}", addresses=(str(Range(4, first, first + capacity - 1)),))


def cluster(services: int, pools: int) -> Listing:
    """Many Services and pools that fill up one after the other, with a tenth to spare."""
    capacity = -(-services * 11 // (pools * 10))
    ground: tuple[Resource, ...] = (
        *(pool(at, capacity) for at in range(pools)),
        L2Advertisement("l2"),
        BGPAdvertisement("bgp"),
        BGPPeer("tor", 64512, peer_asn=64513, peer_address="192.0.2.1"),
        Node(NODE),
    )
    every: tuple[Resource, ...] = (*ground, *(member(at) for at in range(services)))
    return Listing("files", tuple(map(sourced, every)))


def sourced(resource: Resource) -> Sourced:
    """A resource as it stands in a file of its own."""
    return Sourced(resource, f"/etc/proclaim/{resource.ref.name}.yaml")


def decided(state: State, observation: Observation) -> tuple[State, list[Event]]:
    """The state after an observation, and what is stored of it."""
    result = decide(state, observation, TIME)
    items = number(state, result.facts, TIME)
    return result.state, [
        Event(*CODEC.encode(item.fact, item.time, item.transaction)) for item in items
    ]


def settled(services: int) -> tuple[State, list[Event]]:
    """A state in which every Service has its address, and the events that led to it."""
    state, events = State(), []
    for observation in (Authorized(Authority.ALLOCATE), listing(services)):
        state, stored = decided(state, observation)
        events += stored
    return state, events


def seconds(
    call: Callable[[], object], rounds: int = 5, clock: Callable[[], float] = time.process_time
) -> float:
    """The median time of a call: of the processor, which nobody shares, or of the wall."""
    found = []
    for _ in range(rounds):
        gc.collect()
        started = clock()
        call()
        found.append(clock() - started)
    return statistics.median(found)


def show(what: str, figure: str, ratio: float | None = None, yardstick: str = "") -> None:
    """Print one line: what, the figure, and how many times the yardstick it takes."""
    compared = f"{ratio:8.2f}x {yardstick}" if ratio is not None else ""
    print(f"{what:<44}{figure:>18}  {compared}".rstrip(), flush=True)
