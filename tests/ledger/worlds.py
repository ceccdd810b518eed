"""Fakes of the world around a ledger, and small dense histories for properties."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import trio
from hypothesis import strategies as st
from ledger.examples import CODEC
from proclaim import Latest
from proclaim.decide import decide
from proclaim.errors import LedgerError
from proclaim.fold import number
from proclaim.log import Event, MemoryLog
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Change,
    Community,
    EndpointSlice,
    L2Advertisement,
    Listing,
    Node,
    NodeReachability,
    NodeWithdrawal,
    Pool,
    Selector,
    Service,
    Sourced,
)
from proclaim.state import State


class FakeHost:
    """A host whose clock is the loop's and whose dice are loaded."""

    node = "n1"

    def __init__(self) -> None:
        self.random = Random(1)
        self.secrets = Latest({})

    def wall_time(self) -> float:
        return 1700000000.0 + trio.current_time()


class FailingLog(MemoryLog):
    """A log whose disk can be full, or can lie about a commit."""

    def __init__(self) -> None:
        super().__init__("me")
        self.error = ""
        self.attempts = 0
        self.batches: list[int] = []

    def append(self, events: Sequence[Event]) -> int:
        self.attempts += 1
        if self.error:
            raise LedgerError(f"the ledger cannot be written: {self.error}")
        self.batches.append(len(events))
        return super().append(events)


class KeepingLog(MemoryLog):
    """A memory log that keeps its checkpoint, as a file does."""

    def __init__(self) -> None:
        super().__init__("me")
        self.checkpoint: bytes | None = None
        self.saves: list[int] = []

    def save_checkpoint(self, position: int, saved: bytes) -> None:
        self.saves.append(position)
        self.checkpoint = saved

    def load_checkpoint(self) -> bytes | None:
        return self.checkpoint


def service(name: str, **more) -> Sourced:
    return Sourced(Service("default", name, type="LoadBalancer", **more))


def pool(addresses: str = "192.0.2.0/28", name: str = "public") -> Sourced:
    return Sourced(Pool(name, addresses=(addresses,)))


def record(log, state: State, observation, time: float = 1.5) -> State:
    """Decide an observation and append what it led to; return the state after it."""
    decided = decide(state, observation, time)
    items = number(state, decided.facts, time)
    if items:
        log.append([Event(*CODEC.encode(i.fact, i.time, i.transaction)) for i in items])
    return decided.state


# --- histories ------------------------------------------------------------------------------------

LABELS = st.sampled_from(((), (("zone", "a"),), (("zone", "b"),)))
SELECTORS = st.sampled_from(((), (), (Selector((("zone", "a"),)),), (Selector((("zone", "b"),)),)))
NODES = ("n1", "n2", "n3")

services = st.builds(
    Service,
    namespace=st.just("default"),
    name=st.sampled_from("abcdef"),
    labels=LABELS,
    type=st.sampled_from(("LoadBalancer",) * 5 + ("ClusterIP",)),
    ip_family_policy=st.sampled_from(("SingleStack", "SingleStack", "PreferDualStack")),
    external_traffic_policy=st.sampled_from(("Cluster", "Local")),
)
slices = st.builds(
    EndpointSlice,
    namespace=st.just("default"),
    name=st.sampled_from(("s1", "s2", "s3")),
    service=st.sampled_from("abcdef"),
    serving_nodes=st.sets(st.sampled_from(NODES)).map(lambda nodes: tuple(sorted(nodes))),
    serving_elsewhere=st.booleans(),
)
pools = st.builds(
    Pool,
    name=st.sampled_from(("p", "q")),
    labels=LABELS,
    addresses=st.sampled_from(
        (("192.0.2.0/29",), ("192.0.2.8/30", "2001:db8::/125"), ("192.0.2.0/30",))
    ),
)
advertisements = st.one_of(
    st.builds(
        BGPAdvertisement,
        name=st.sampled_from(("x", "y")),
        pools=st.sampled_from(((), (), ("p",))),
        pool_selectors=SELECTORS,
        node_selectors=SELECTORS,
        service_selectors=SELECTORS,
        peers=st.sampled_from(((), (), ("t1",), ("t1", "t2"), ("none",))),
        aggregation_length=st.sampled_from((32, 32, 30, 24)),
        local_pref=st.sampled_from((0, 100)),
        communities=st.sampled_from(((), ("64512:1",), ("alias",), ("large:1:2:3", "64512:1"))),
    ),
    st.builds(
        L2Advertisement,
        name=st.sampled_from(("x", "y")),
        node_selectors=SELECTORS,
        service_selectors=SELECTORS,
        interfaces=st.sampled_from(((), ("eth0",), ("eth1", "eth2"))),
        preferred_nodes=st.sampled_from(((), ((5, Selector((("zone", "a"),))),))),
    ),
)
terrain = st.one_of(
    advertisements,
    advertisements,
    st.builds(Node, name=st.sampled_from(NODES), labels=LABELS, network_unavailable=st.booleans()),
    st.builds(NodeReachability, node=st.sampled_from(NODES), reachable=st.booleans()),
    st.builds(NodeWithdrawal, node=st.sampled_from(NODES), why=st.sampled_from(("x", "y"))),
    st.builds(
        BGPPeer,
        name=st.sampled_from(("t1", "t2")),
        my_asn=st.just(64512),
        peer_asn=st.just(64513),
        node_selectors=SELECTORS,
    ),
    st.just(Community("aliases", (("alias", "64512:9"),))),
)
resources = st.one_of(services, services, services, slices, slices, pools, terrain)
sources = st.sampled_from(("files",) * 5 + ("k8s",))
changes = st.builds(
    Change,
    sources,
    st.lists(st.builds(Sourced, resources), max_size=4).map(tuple),
    st.lists(resources.map(lambda resource: resource.ref), max_size=2).map(tuple),
)
listings = st.builds(
    Listing, sources, st.lists(st.builds(Sourced, resources), max_size=8).map(tuple)
)
authorities = st.sampled_from(Authority).map(Authorized)
observations = st.one_of(changes, changes, changes, changes, listings, authorities)
GROUND = (
    Pool("p", addresses=("192.0.2.0/29",)),
    BGPAdvertisement("x"),
    L2Advertisement("x"),
    BGPPeer("t1", 64512, peer_asn=64513),
    Node("n1", (("zone", "a"),)),
    Node("n2", (("zone", "b"),)),
    *(Service("default", name, type="LoadBalancer") for name in "abcd"),
)
"""Enough to announce something, so that what happens later matters."""


@st.composite
def histories_of(draw) -> list:
    """A listing of most of the ground and something more, and what happens then."""
    kept = [each for each in GROUND if draw(st.integers(0, 9))]
    more = draw(st.lists(resources, max_size=4))
    first = Listing("files", tuple(Sourced(each) for each in (*kept, *more)))
    return [Authorized(Authority.ALLOCATE), first, *draw(st.lists(observations, max_size=8))]


histories = histories_of()
