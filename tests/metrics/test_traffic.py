"""What the announcers count, as it is exposed."""

import pytest
import trio
import trio.testing
from bgp.scene import ROUTER, peer, routes, scene
from l2_arp import recorded
from l2_arp.fake_link import FakeLink, interface
from l2_arp.recorded import HOLDER
from metrics.worlds import parse, text
from proclaim import Announcement, BGPPeer, Latest, Wanted
from proclaim_bgp.traffic import label
from proclaim_l2_arp.driver import L2Announcer
from proclaim_l2_arp.eligibility import compile_patterns
from proclaim_l2_arp.options import HeartbeatOptions, Options
from proclaim_metrics.registered import registered
from prometheus_client import CollectorRegistry

OPTIONS = Options(excluded=compile_patterns(["^lo$"]), heartbeat=HeartbeatOptions(enabled=False))
PEER = f'{{peer="{ROUTER}:179"}}'
ONE, TWO = "198.51.100.1/32", "198.51.100.2/32"


class Host:
    """As much of a host as is asked for."""

    def __init__(self):
        self.metrics = CollectorRegistry()


def exposed(registry):
    return parse(text(registered(registry.collect())))


def wanted(*addresses):
    return Latest(Wanted({(a, ""): Announcement(a, (a,), ()) for a in addresses}))


async def observe(observation):
    await trio.lowlevel.checkpoint()


async def test_layer_2_counts_what_is_asked_answered_and_told(autojump_clock):
    link, host = FakeLink(interface("eth0", 2, HOLDER, addresses=("192.0.2.2",))), Host()
    announced = wanted("192.0.2.9", "2001:db8::9")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(L2Announcer("n1", link, OPTIONS, host).run, announced, observe)
        await trio.sleep(6)  # five bursts of two ARP packets or one advertisement
        for frame in (recorded.ARP_REQUEST, recorded.ARP_REQUEST, recorded.SOLICITATION):
            link.deliver(frame)
        await trio.testing.wait_all_tasks_blocked()
        assert exposed(host.metrics) == {
            'metallb_layer2_requests_received{ip="192.0.2.9"}': 2,
            'metallb_layer2_requests_received{ip="2001:db8::9"}': 1,
            'metallb_layer2_responses_sent{ip="192.0.2.9"}': 2,
            'metallb_layer2_responses_sent{ip="2001:db8::9"}': 1,
            'metallb_layer2_gratuitous_sent{ip="192.0.2.9"}': 10,
            'metallb_layer2_gratuitous_sent{ip="2001:db8::9"}': 5,
        }
        link.mute = True
        link.deliver(recorded.ARP_REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        found = exposed(host.metrics)
        assert found['metallb_layer2_requests_received{ip="192.0.2.9"}'] == 3
        assert found['metallb_layer2_responses_sent{ip="192.0.2.9"}'] == 2
        announced.set(wanted("2001:db8::9").value)
        await trio.testing.wait_all_tasks_blocked()
        assert not [key for key in exposed(host.metrics) if "192.0.2.9" in key]
        nursery.cancel_scope.cancel()
    assert exposed(host.metrics) == {}


async def test_layer_2_counts_on_when_its_announcer_is_started_again(autojump_clock):
    link, host = FakeLink(interface("eth0", 2, HOLDER, addresses=("192.0.2.2",))), Host()
    announcer = L2Announcer("n1", link, OPTIONS, host)
    for told in (10, 20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(announcer.run, wanted("192.0.2.9"), observe)
            await trio.sleep(6)
            found = exposed(host.metrics)
            assert found['metallb_layer2_gratuitous_sent{ip="192.0.2.9"}'] == told
            nursery.cancel_scope.cancel()


async def test_foreign_questions_are_not_counted(autojump_clock):
    link, host = FakeLink(interface("eth0", 2, HOLDER, addresses=("192.0.2.2",))), Host()
    async with trio.open_nursery() as nursery:
        announcer = L2Announcer("n1", link, OPTIONS, host)
        nursery.start_soon(announcer.run, wanted("192.0.2.10"), observe)
        await trio.sleep(6)
        link.deliver(recorded.ARP_REQUEST)
        await trio.testing.wait_all_tasks_blocked()
        assert not [key for key in exposed(host.metrics) if "requests" in key]
        nursery.cancel_scope.cancel()


async def test_bgp_tells_how_its_sessions_stand_and_what_went_over_them(autojump_clock):
    async with scene() as play:
        play.want(routes(ONE, TWO), peer())
        await play.announce()
        await trio.sleep(0.1)
        down = exposed(play.host.metrics)
        assert down[f"metallb_bgp_session_up{PEER}"] == 0
        assert down[f"metallb_bgp_announced_prefixes_total{PEER}"] == 0
        assert down[f"metallb_bgp_pending_prefixes_total{PEER}"] == 2
        assert down[f"metallb_bgp_total_sent{PEER}"] == 0
        await play.router_on()
        await trio.sleep(30)
        up = exposed(play.host.metrics)
        assert up[f"metallb_bgp_session_up{PEER}"] == 1
        assert up[f"metallb_bgp_announced_prefixes_total{PEER}"] == 2
        assert up[f"metallb_bgp_pending_prefixes_total{PEER}"] == 2
        assert up[f"metallb_bgp_opens_sent{PEER}"] == up[f"metallb_bgp_opens_received{PEER}"] == 1
        assert up[f"metallb_bgp_updates_total{PEER}"] == 2  # both routes, and End-of-RIB
        assert up[f"metallb_bgp_keepalives_sent{PEER}"] >= 5
        assert up[f"metallb_bgp_keepalives_received{PEER}"] >= 5
        assert up[f"metallb_bgp_notifications_sent{PEER}"] == 0
        assert up[f"metallb_bgp_route_refresh_sent{PEER}"] == 0
        kinds = ("opens_sent", "updates_total", "keepalives_sent")
        total = sum(up[f"metallb_bgp_{kind}{PEER}"] for kind in kinds)
        assert up[f"metallb_bgp_total_sent{PEER}"] == total


async def test_bgp_counts_on_over_sessions_and_forgets_a_peer_that_is_gone(autojump_clock):
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(1)
        play.want(routes(ONE), peer(hold_seconds=30))  # needs another session
        await trio.sleep(10)
        found = exposed(play.host.metrics)
        assert found[f"metallb_bgp_session_up{PEER}"] == 1
        assert found[f"metallb_bgp_opens_sent{PEER}"] == 2
        assert found[f"metallb_bgp_notifications_sent{PEER}"] == 1
        play.want(routes(ONE))
        await trio.sleep(1)
        assert exposed(play.host.metrics) == {}
        play.shut_down()
        await play.left.wait()
        assert not list(play.host.metrics.collect())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"peer_address": "192.0.2.1"}, "192.0.2.1:179"),
        ({"peer_address": "2001:db8::1", "peer_port": 1790}, "[2001:db8::1]:1790"),
        ({"interface": "eth0"}, "eth0:179"),
    ],
)
def test_a_peer_is_labelled_by_its_address_and_port(fields, expected):
    assert label(BGPPeer("p", my_asn=64512, peer_asn=64513, **fields)) == expected
