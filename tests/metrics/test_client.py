from metrics.worlds import NODE, World, values
from proclaim import Authority, BGPPeer, Problem, Spread
from proclaim.events import ProblemsReported, Rejected, Why
from proclaim.model import AnnouncerStatus, BGPAdvertisement, L2Advertisement
from proclaim.testing import (
    assigned,
    endpoints,
    given,
    node,
    observed,
    pool,
    released,
    removed,
    service,
    sharer,
)
from proclaim_metrics.client import client, speaker
from proclaim_metrics.counting import Tally

PREFIX = "metallb_k8s_client_"


def told(state):
    return {
        key.removeprefix(PREFIX): value
        for key, value in values(client(state, NODE, Tally())).items()
    }


def test_counters_are_named_as_metallb_names_them():
    state = given().state
    tally = Tally()
    tally.updates, tally.errors = 7, 2
    assert values(client(state, NODE, tally)) == {
        PREFIX + "updates_total": 7,
        PREFIX + "update_errors_total": 2,
        PREFIX + "config_loaded_bool": 1,
        PREFIX + "config_stale_bool": 0,
    }


def test_nothing_is_loaded_before_a_source_is_heard():
    status = AnnouncerStatus(NODE, "bgp", Spread.EVERY_NODE, running=True)
    for authority in (Authority.ADOPT, Authority.FOLLOW):
        nothing = given(authority, observed(status, source="engine"))
        assert told(nothing.state)["config_loaded_bool"] == 0
        something = given(node("n1"), state=nothing.state)
        assert told(something.state)["config_loaded_bool"] == 1


def test_an_allocator_has_heard_all_even_if_there_is_nothing():
    assert told(given(Authority.ALLOCATE).state)["config_loaded_bool"] == 1


def test_a_bad_edit_is_stale_until_it_is_reverted():
    good = given(pool("public", "192.0.2.0/28"))
    wrong = Problem(kind="IPAddressPool", name="public", problem="is no range")
    bad = given(ProblemsReported("test", (wrong,)), state=good.state)
    assert told(bad.state)["config_stale_bool"] == 1
    reverted = given(ProblemsReported("test", ()), state=bad.state)
    assert told(reverted.state)["config_stale_bool"] == 0


def test_a_pool_that_overlaps_another_is_stale_until_it_is_gone():
    good = given(pool("public", "192.0.2.0/28"))
    overlapping = pool("other", "192.0.2.0/30")
    bad = given(Rejected("test", overlapping, "overlaps public"), state=good.state)
    assert told(bad.state)["config_stale_bool"] == 1
    fixed = given(pool("other", "198.51.100.0/30"), state=bad.state)
    assert told(fixed.state)["config_stale_bool"] == 0


def test_a_service_that_makes_no_sense_is_not_a_stale_configuration():
    wrong = Problem(kind="Service", namespace="default", name="a", problem="is no port")
    state = given(ProblemsReported("test", (wrong,))).state
    assert told(state)["config_stale_bool"] == 0


def announced(world):
    projections = {spread: latest.value for spread, latest in world.view.projections.items()}
    return values(speaker(NODE, projections))


def series(service, protocol, ip):
    labels = f'ip="{ip}",node="{NODE}",protocol="{protocol}",service="{service}"'
    return f"metallb_speaker_announced{{{labels}}}"


CLUSTER = (
    pool("public", "192.0.2.0/28", "2001:db8::/120"),
    node(NODE, None, "10.0.0.1"),
    BGPPeer(
        "p", my_asn=64512, peer_asn=64513, peer_address="10.0.0.9", dual_stack_address_family=True
    ),
    BGPAdvertisement("ads"),
    L2Advertisement("ads"),
    service("a"),
    endpoints("a", NODE),
    assigned("a", "192.0.2.1", "2001:db8::1"),
)


def test_what_is_announced_has_a_series_for_each_way_and_address():
    world = World(given(*CLUSTER).state, *Spread)
    assert announced(world) == {
        series("default/a", protocol, ip): 1
        for protocol in ("bgp", "layer2")
        for ip in ("192.0.2.1", "2001:db8::1")
    }


def test_only_what_runs_here_is_announced():
    world = World(given(*CLUSTER).state, Spread.EVERY_NODE)
    assert set(announced(world)) == {
        series("default/a", "bgp", "192.0.2.1"),
        series("default/a", "bgp", "2001:db8::1"),
    }
    assert announced(World(given(*CLUSTER).state)) == {}


def test_a_series_ends_when_its_address_is_withdrawn():
    world = World(given(*CLUSTER).state, *Spread)
    world.record(
        removed(service("a")),
        released("a", "192.0.2.1", "2001:db8::1", why=Why.GONE),
    )
    assert announced(world) == {}


def test_several_advertisements_and_sharers_make_one_series_for_each_service():
    state = given(
        pool("public", "192.0.2.0/28"),
        node(NODE, None, "10.0.0.1"),
        BGPPeer("p", my_asn=64512, peer_asn=64513, peer_address="10.0.0.9"),
        BGPAdvertisement("whole"),
        BGPAdvertisement("coarse", aggregation_length=28),
        *(sharer(name, ports=f"TCP/{at}") for at, name in enumerate("ab", start=80)),
        *(endpoints(name, NODE) for name in "ab"),
        *(assigned(name, "192.0.2.1") for name in "ab"),
    ).state
    world = World(state, Spread.EVERY_NODE)
    assert announced(world) == {series(f"default/{n}", "bgp", "192.0.2.1"): 1 for n in "ab"}
