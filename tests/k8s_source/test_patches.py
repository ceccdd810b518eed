"""What is written: the smallest patch, and nothing where nothing differs."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from proclaim.events import SourceListed, Why
from proclaim.model import Authority
from proclaim.testing import assigned, given, pool, refused, service
from proclaim_k8s_source.reporter import wanted
from proclaim_k8s_source.reporter.patches import agreement_patch, service_patch, status_patch
from proclaim_k8s_source.reporter.wanted import Assigned
from proclaim_k8s_source.shown import AGREED, POOL, ShownService

WEB = service("web").ref
V4, V6 = "192.0.2.1", "2001:db8::1"
HELD = Assigned((V4,), "public")


def shown(*addresses, pool=None, **more):
    return ShownService([{"ip": text, "ipMode": "VIP"} for text in addresses], pool, **more)


# --- what a Service should show -------------------------------------------------------------------


def test_who_holds_addresses_should_show_them_in_their_order():
    state = given(
        pool("public", "192.0.2.0/24", "2001:db8::/64"),
        service("web", cluster_ips=("fd00::1", "10.0.0.1"), ip_family_policy="RequireDualStack"),
        assigned("web", V6, V4),
    ).state
    assert wanted.assigned(state, WEB) == Assigned((V6, V4), "public")


def test_who_waits_should_show_nothing():
    state = given(service("web"), refused("web", Why.NO_POOL)).state
    assert wanted.assigned(state, WEB) == Assigned()


def test_who_is_no_longer_a_load_balancer_should_show_nothing():
    assert wanted.assigned(given(service("web", type="ClusterIP")).state, WEB) == Assigned()


@pytest.mark.parametrize("name", ["other", "x"])
def test_who_belongs_to_another_implementation_is_not_ours(name):
    state = given(service("web", load_balancer_class=name)).state
    assert wanted.assigned(state, WEB) is None


def test_who_is_not_known_is_not_ours():
    assert wanted.assigned(given().state, WEB) is None


# --- the patch of a Service -----------------------------------------------------------------------


def test_a_new_address_is_written_with_its_pool():
    assert service_patch(shown(resource_version="7"), HELD) == {
        "metadata": {"annotations": {POOL: "public"}, "resourceVersion": "7"},
        "status": {"loadBalancer": {"ingress": [{"ip": V4}]}},
    }


def test_what_is_shown_already_is_not_written():
    assert service_patch(shown(V4, pool="public"), HELD) is None
    both = Assigned((V4, V6), "public")
    assert service_patch(shown(V6, V4, pool="public"), both) is None
    assert service_patch(shown(), Assigned()) is None


def test_a_mode_that_somebody_chose_stays():
    proxied = ShownService([{"ip": V4, "ipMode": "Proxy"}], "public")
    assert service_patch(proxied, HELD) is None


def test_only_the_annotation_is_written_where_only_it_differs():
    body = service_patch(shown(V4, pool="old"), HELD)
    assert body == {"metadata": {"annotations": {POOL: "public"}}}


def test_who_lost_its_address_shows_neither_it_nor_its_pool():
    body = service_patch(shown(V4, pool="public"), Assigned())
    assert body == {
        "metadata": {"annotations": {POOL: None}},
        "status": {"loadBalancer": {"ingress": None}},
    }


def test_a_host_name_of_somebody_else_goes_with_a_rewrite_and_not_before():
    named = ShownService([{"ip": V4}, {"hostname": "x.example"}], "public")
    assert service_patch(named, HELD) is None
    only = ShownService([{"hostname": "x.example"}])
    assert service_patch(only, HELD)["status"]["loadBalancer"]["ingress"] == [{"ip": V4}]
    assert service_patch(only, Assigned())["status"] == {"loadBalancer": {"ingress": None}}


def test_while_somebody_insists_only_the_agreement_is_written():
    contested = shown("203.0.113.9", pool="public")
    assert agreement_patch(contested, HELD) == {"metadata": {"annotations": {AGREED: V4}}}
    assert agreement_patch(shown("203.0.113.9", pool="public", agreed=V4), HELD) is None
    gone = agreement_patch(shown("203.0.113.9", pool="public", agreed=V4), Assigned())
    assert gone == {"metadata": {"annotations": {AGREED: None, POOL: None}}}


def test_the_agreement_goes_when_the_status_is_ours_again():
    body = service_patch(shown(V4, pool="public", agreed=V4), HELD)
    assert body == {"metadata": {"annotations": {AGREED: None}}}


ADDRESSES = st.lists(st.sampled_from([V4, V6, "192.0.2.2"]), unique=True, max_size=2)


@for_all(ADDRESSES, ADDRESSES, st.sampled_from([None, "public", "old"]), st.booleans())
def test_what_was_written_needs_no_further_writing(have, want, pool_name, contested):
    before = shown(*have, pool=pool_name, agreed="x" if contested else None)
    target = Assigned(tuple(want), "public" if want else "")
    body = service_patch(before, target) or {}
    annotations = body.get("metadata", {}).get("annotations", {})
    ingress = before.ingress
    if "status" in body:
        ingress = body["status"]["loadBalancer"]["ingress"] or []
    after = ShownService(
        ingress, annotations.get(POOL, before.pool), annotations.get(AGREED, before.agreed)
    )
    assert service_patch(after, target) is None
    assert after.addresses == target.addresses or sorted(have) == sorted(want)


# --- other statuses -------------------------------------------------------------------------------


def test_counters_of_a_pool_are_written_when_one_differs():
    state = given(pool("public", "192.0.2.0/30"), service("web"), assigned("web", V4)).state
    counters = wanted.pool_counters(state, "public")
    assert counters == {
        "assignedIPv4": 1,
        "assignedIPv6": 0,
        "availableIPv4": 3,
        "availableIPv6": 0,
    }
    assert status_patch(None, counters) == {"status": counters}
    assert status_patch(counters, counters) is None
    assert status_patch({**counters, "assignedIPv4": 2}, counters) == {"status": counters}
    assert wanted.pool_counters(state, "nosuch") is None


def test_what_does_not_belong_in_a_status_is_removed():
    assert status_patch({"node": "n1", "more": 1}, {"node": "n1"}) == {
        "status": {"more": None, "node": "n1"}
    }


def test_the_time_of_a_condition_is_no_difference():
    state = given(SourceListed("kubernetes"), Authority.ALLOCATE).state
    status = wanted.configuration(state, "n1")["status"]
    condition = {**status["conditions"][0], "lastTransitionTime": "2026-01-01T00:00:00Z"}
    assert status_patch({**status, "conditions": [condition]}, status) is None
    other = {**condition, "status": "False"}
    assert status_patch({**status, "conditions": [other]}, status) is not None


def test_each_process_says_how_it_finds_the_configuration():
    state = given(SourceListed("kubernetes"), Authority.ALLOCATE).state
    assert wanted.configuration(state, "")["metadata"]["name"] == "controller"
    assert wanted.configuration(state, "n1")["metadata"]["name"] == "speaker-n1"
