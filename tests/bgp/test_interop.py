"""The speaker against real routers, over a veth between two namespaces."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bgp.daemons import (
    ROUTER4,
    ROUTER6,
    SPEAKER4,
    SPEAKER6,
    AskingRouter,
    Bird,
    ExaBgp,
    Frr,
    GoBgp,
    Neighbor,
    OpenBgpd,
    Router,
    Speaker,
    Wire,
    eventually,
    wire,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROUTERS = [Bird, Frr, GoBgp, OpenBgpd, ExaBgp]
COMMUNITIES = ["64512:100", "large:64512:1:2"]
V4 = [{"prefix": f"198.51.100.{n}/32", "communities": COMMUNITIES} for n in (1, 2)]
V6 = [{"prefix": f"2001:db8::{n}/128", "communities": COMMUNITIES} for n in (1, 2)]


def peer(name: str = "p4", address: str = ROUTER4, **more: Any) -> dict[str, Any]:
    asns = {"my_asn": 64512, "peer_asn": 64513}
    return {"name": name, "peer_address": address, **asns, **more}


BOTH = [peer(), peer("p6", ROUTER6)]


@pytest.fixture
def lab() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture
def speaker(lab: Wire) -> Iterator[Speaker]:
    made = Speaker(lab.speaker)
    yield made
    made.kill()


@pytest.fixture
def routing(lab: Wire) -> Iterator[Callable[..., Router]]:
    started: list[Router] = []
    with tempfile.TemporaryDirectory(prefix="proclaim-") as directory:

        def start(kind: type[Router], **more: Any) -> Router:
            router = kind(lab.router, Path(directory), Neighbor(**more))
            started.append(router)
            router.start()
            return router

        yield start
        for router in started:
            router.stop()


def has(router: Router, *prefixes: str) -> None:
    eventually(
        f"routes {prefixes}: {router.log()[-3000:]}", lambda: set(router.routes()) == set(prefixes)
    )


@pytest.mark.parametrize("kind", ROUTERS)
def test_routes_of_both_families_come_and_go(
    kind: type[Router], speaker: Speaker, routing: Callable[..., Router]
) -> None:
    router = routing(kind)
    speaker.want(BOTH, V4 + V6)
    has(router, "198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128", "2001:db8::2/128")
    four, six = router.routes()["198.51.100.1/32"], router.routes()["2001:db8::1/128"]
    assert (four.next_hop, six.next_hop) == (SPEAKER4, SPEAKER6)
    assert four.communities == six.communities == frozenset(COMMUNITIES)
    speaker.want(BOTH, V4[:1] + V6[:1])
    has(router, "198.51.100.1/32", "2001:db8::1/128")
    speaker.stop()
    has(router)


@pytest.mark.parametrize("kind", [Bird, Frr, GoBgp, ExaBgp])
def test_ipv6_routes_over_an_ipv4_session_have_an_ipv6_next_hop(
    kind: type[Router], speaker: Speaker, routing: Callable[..., Router]
) -> None:
    router = routing(kind, six=False)
    speaker.want([peer(dual_stack_address_family=True)], V4[:1] + V6[:1])
    has(router, "198.51.100.1/32", "2001:db8::1/128")
    assert router.routes()["2001:db8::1/128"].next_hop == SPEAKER6


@pytest.mark.parametrize("kind", ROUTERS)
def test_internal_peers_are_told_the_local_preference(
    kind: type[Router], speaker: Speaker, routing: Callable[..., Router]
) -> None:
    router = routing(kind, asn=64512, six=False)
    speaker.want([peer(peer_asn=64512)], [{**V4[0], "local_pref": 250}, V4[1]])
    has(router, "198.51.100.1/32", "198.51.100.2/32")
    told = {prefix: route.local_pref for prefix, route in router.routes().items()}
    assert told == {"198.51.100.1/32": 250, "198.51.100.2/32": 100}


@pytest.mark.parametrize("kind", [Bird, Frr, GoBgp, OpenBgpd, ExaBgp])
def test_a_wide_as_number_is_spoken(
    kind: type[Router], speaker: Speaker, routing: Callable[..., Router]
) -> None:
    router = routing(kind, peer_asn=4200000001, six=False)
    speaker.want([peer(my_asn=4200000001)], V4)
    has(router, "198.51.100.1/32", "198.51.100.2/32")


@pytest.mark.parametrize("kind", ROUTERS)
def test_a_password_protects_the_session(
    kind: type[Router], speaker: Speaker, routing: Callable[..., Router]
) -> None:
    router = routing(kind, password="correct-horse", six=False)
    near = peer(password="inline", connect_seconds=1)
    speaker.want([near], V4, secrets={"p4": "wrong"})
    eventually("the wrong password is noticed", lambda: bool(speaker.states()) and (
        "timed out" in speaker.observed["p4"].get("last_error", "")
    ))  # fmt: skip
    speaker.want([near], V4, secrets={"p4": "correct-horse"})
    has(router, "198.51.100.1/32", "198.51.100.2/32")


@pytest.mark.parametrize("kind", [Bird, Frr, GoBgp, OpenBgpd])
def test_a_refresh_keeps_every_route(
    kind: type[AskingRouter], speaker: Speaker, routing: Callable[..., AskingRouter]
) -> None:
    router = routing(kind)
    speaker.want(BOTH, V4 + V6)
    has(router, "198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128", "2001:db8::2/128")
    router.refresh()
    has(router, "198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128", "2001:db8::2/128")
    assert set(speaker.states().values()) == {"Established"}


@pytest.mark.parametrize("kind", [Bird, Frr])
def test_a_router_that_died_is_told_everything_again(
    kind: type[Router], speaker: Speaker, routing: Callable[..., Router]
) -> None:
    router = routing(kind)
    speaker.want(BOTH, V4 + V6)
    has(router, "198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128", "2001:db8::2/128")
    router.stop(kill=True)
    eventually("the loss is noticed", lambda: "Established" not in speaker.states().values())
    for path in (*router.directory.glob("*.vty"), router.directory / "ctl"):
        path.unlink(missing_ok=True)
    router.start()
    has(router, "198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128", "2001:db8::2/128")


@pytest.mark.parametrize("kind", [Bird, Frr])
@pytest.mark.parametrize("password", ["", "correct-horse"])
def test_sides_that_both_connect_end_with_one_session(
    kind: type[Router], password: str, lab: Wire, routing: Callable[..., Router]
) -> None:
    router = routing(kind, passive=False, password=password)
    speaker = Speaker(lab.speaker, SPEAKER4, SPEAKER6)
    kept = {"password": "inline"} if password else {}
    both = [{**one, **kept} for one in BOTH]
    try:
        speaker.want(both, V4 + V6, secrets=dict.fromkeys(("p4", "p6"), password))
        has(router, "198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128", "2001:db8::2/128")
        eventually("both are up", lambda: set(speaker.states().values()) == {"Established"})
    finally:
        speaker.kill()
