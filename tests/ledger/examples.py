"""One whole example of every fact and every kind, and strategies for all of them.

The examples are what the golden files hold, so a value here is never edited: a
new version of a kind gets a new example, and the old line stays.
"""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st
from proclaim.builtin import KINDS
from proclaim.codec import FACTS, Codec
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    AuthorityTaken,
    Observed,
    ProblemsReported,
    Reason,
    RefusalWithdrawn,
    Rejected,
    RejectionWithdrawn,
    Removed,
    SourceListed,
    TaskFailed,
    Why,
)
from proclaim.model import (
    AnnouncerStatus,
    Authority,
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    EndpointSlice,
    InterfaceStatus,
    L2Advertisement,
    Namespace,
    Node,
    NodeReachability,
    NodeWithdrawal,
    PeerStatus,
    Pool,
    Port,
    Problem,
    Ref,
    Requirement,
    Secret,
    Selector,
    Service,
    ServiceAllocation,
    Spread,
    service_ref,
)

TIME = 1700000000.25
TRANSACTION = 7

CODEC = Codec(KINDS)

_WEB = service_ref("shop", "web")
_SELECTOR = Selector((("tier", "front"),), (Requirement("zone", "In", ("a", "b")),))

RESOURCES: tuple[Any, ...] = (
    Service(
        "shop",
        "web",
        labels=(("app", "web"),),
        annotations=(("metallb.io/address-pool", "public"),),
        type="LoadBalancer",
        load_balancer_class="proclaim.io/lb",
        requested_addresses=("192.0.2.7", "2001:db8::7"),
        requested_pool="public",
        cluster_ips=("10.0.0.1", "fd00::1"),
        ip_families=(4, 6),
        ip_family_policy="RequireDualStack",
        external_traffic_policy="Local",
        selector=(("app", "web"),),
        ports=(Port("TCP", 80), Port("UDP", 443)),
        status_addresses=("192.0.2.7",),
    ),
    EndpointSlice("shop", "web-abc", "web", ("n1", "n2"), serving_elsewhere=True),
    Node("n1", (("zone", "a"),), network_unavailable=True, addresses=("10.1.0.1",)),
    Namespace("shop", (("team", "größer"),)),
    Pool(
        "public",
        labels=(("use", "front"),),
        annotations=(("proclaim.io/note", "x"),),
        addresses=("192.0.2.0/24", "2001:db8::-2001:db8::ff"),
        auto_assign=False,
        avoid_buggy_ips=True,
        service_allocation=ServiceAllocation(5, ("shop",), (_SELECTOR,), (_SELECTOR,)),
    ),
    L2Advertisement(
        "l2", ("public",), (_SELECTOR,), (_SELECTOR,), (_SELECTOR,), ("eth0",), ((7, _SELECTOR),)
    ),
    BGPAdvertisement(
        "bgp",
        ("public",),
        (_SELECTOR,),
        (_SELECTOR,),
        (_SELECTOR,),
        peers=("tor",),
        aggregation_length=24,
        aggregation_length_v6=64,
        local_pref=200,
        communities=("64512:100", "large:1:2:3", "no-advertise"),
    ),
    BGPPeer(
        "tor",
        64512,
        peer_asn=4200000000,
        dynamic_asn="external",
        local_asn=64513,
        peer_address="10.1.0.254",
        interface="eth1",
        source_address="10.1.0.1",
        peer_port=1179,
        hold_seconds=0,
        keepalive_seconds=3,
        connect_seconds=10,
        router_id="10.1.0.1",
        node_selectors=(_SELECTOR,),
        password=Secret.REFERENCE,
        password_secret="tor-secret",
        bfd_profile="fast",
        graceful_restart=True,
        ebgp_multi_hop=True,
        vrf="red",
        dual_stack_address_family=True,
    ),
    BFDProfile("fast", 300, 300, 3, 50, echo_mode=True, passive_mode=True, minimum_ttl=254),
    Community("aliases", (("no-advertise", "65535:65282"),)),
    AnnouncerStatus("n1", "l2", Spread.ONE_NODE, running=True),
    PeerStatus("n1", "tor", "10.1.0.254", "Established", 4, 2, "Cease"),
    InterfaceStatus("n1", "eth0", 2, "02:00:00:00:00:01", True, "", ("10.1.0.1/24",)),
    NodeReachability("n2", False),
    NodeWithdrawal("n1", "another announcer runs"),
)

_REASON = Reason(
    *(Why.ADDRESS_IN_USE, "public", ("public", "spare"), ("192.0.2.7",)),
    *((_WEB,), "192.0.2.7", "192.0.2.8"),
)

EXAMPLES: tuple[Any, ...] = (
    *(Observed("files", resource, "/etc/proclaim/all.yaml") for resource in RESOURCES),
    Removed("files", _WEB),
    Rejected("files", Pool("public", addresses=("192.0.2.0/24",)), "overlaps spare", "/b.yaml"),
    RejectionWithdrawn(Ref("IPAddressPool", "", "public")),
    SourceListed("files"),
    ProblemsReported(
        "files",
        (Problem("/b.yaml", 3, "Service", "shop", "web", "spec.ports[0]", "is not a port"),),
    ),
    AuthorityTaken(Authority.FOLLOW, "lab"),
    TaskFailed("announcer bgp", "OSError: no route"),
    AddressAssigned(_WEB, ("192.0.2.7", "2001:db8::7"), "public", _REASON),
    AddressReleased(_WEB, ("192.0.2.7",), "public", Reason(Why.GONE)),
    AddressRefused(_WEB, _REASON),
    RefusalWithdrawn(_WEB),
)


# --- strategies, derived from the types ---------------------------------------------------------

_PLAIN = {
    str: st.text(max_size=12),
    int: st.integers(-(2**63), 2**64 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that nouns and facts are made of."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, arguments))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert issubclass(hint, msgspec.Struct | tuple), hint
    return st.deferred(
        lambda: st.builds(hint, **{k: values_of(v) for k, v in get_type_hints(hint).items()})
    )


def observed(kind: Any) -> st.SearchStrategy[Any]:
    """The fact that some resource of a kind was observed."""
    text = values_of(str)
    return st.builds(Observed, source=text, resource=values_of(kind.type), origin=text)


facts: st.SearchStrategy[Any] = st.one_of(
    *(observed(kind) for kind in KINDS), *(values_of(fact.type) for fact in FACTS)
)

times = st.floats(0, 2**33, allow_nan=False)
transactions = st.integers(1, 2**53)
