"""Every reason there is: something brings it about, and it reads as a sentence."""

import pytest
from core.ground import DUAL, ONE, PREFER, PUBLIC, REQUIRE
from proclaim.events import Why
from proclaim.model import Authority, ServiceAllocation
from proclaim.reasons import message
from proclaim.testing import assigned, change, given, gone, pool, refused, service, sharer

SHOP = pool("shop", "198.51.100.0/24", service_allocation=ServiceAllocation(namespaces=("shop",)))
HOLDER = (PUBLIC, service("a"), assigned("a", "192.0.2.0"))
SHARED = (PUBLIC, sharer("a", ports="TCP/80"), assigned("a", "192.0.2.0"))
CLAIMS = service("a", status_addresses=("192.0.2.0",))
FOLLOWED = (Authority.FOLLOW, PUBLIC, CLAIMS, assigned("a", "192.0.2.0"))

CAUSES = {
    Why.ADOPTED: (
        given(PUBLIC).when(CLAIMS),
        "the Service's status claimed 192.0.2.0 already, and pool public covers it",
    ),
    Why.REQUESTED: (
        given(PUBLIC).when(service("a", "192.0.2.1")),
        "the Service asks for 192.0.2.1, which pool public covers",
    ),
    Why.REQUESTED_POOL: (
        given(PUBLIC).when(service("a", requested_pool="public")),
        "the Service asks for pool public: lowest address of pool public that was never given"
        " before",
    ),
    Why.FREE: (
        given(PUBLIC).when(service("a")),
        "lowest address of pool public that was never given before",
    ),
    Why.LONGEST_RELEASED: (
        given(ONE, service("a"), assigned("a", "192.0.2.0")).when(gone(service("a")), service("b")),
        "every address of pool public was given before; this one was released longest ago",
    ),
    Why.RETURNED: (
        given(*HOLDER).when(gone(service("a")), service("a")),
        "the Service had it before, and nobody else needs it now; it is in pool public",
    ),
    Why.SHARED: (
        given(PUBLIC).when(sharer("a", ports="TCP/80"), sharer("b", ports="TCP/443")),
        "an address of pool public that Services with the same sharing key hold",
    ),
    Why.SECOND_FAMILY: (
        given(PUBLIC, service("a", **PREFER), assigned("a", "192.0.2.0")).when(DUAL),
        "pool public has an address of the other family, and the Service wants both",
    ),
    Why.FAMILY_LOST: (
        given(DUAL, service("a", **PREFER), assigned("a", "192.0.2.0", "2001:db8::")).when(PUBLIC),
        "the other address stays; its pool does not cover 2001:db8:: any more",
    ),
    Why.POOL_RENAMED: (
        given(*HOLDER).when(
            change(pool("public", "203.0.113.0/32"), pool("other", "192.0.2.0/30"))
        ),
        "the address stays; pool other covers it now",
    ),
    Why.GONE: (given(*HOLDER).when(gone(service("a"))), "the Service was deleted"),
    Why.NOT_LOAD_BALANCER: (
        given(*HOLDER).when(service("a", type="ClusterIP")),
        "the Service's type is ClusterIP, not LoadBalancer",
    ),
    Why.OTHER_CLASS: (
        given(*HOLDER).when(service("a", load_balancer_class="cloud")),
        "the Service's loadBalancerClass is cloud; Services without one are handled here",
    ),
    Why.NOT_COVERED: (
        given(*HOLDER).when(gone(PUBLIC)),
        "no pool covers 192.0.2.0 any more; it came from pool public",
    ),
    Why.NOT_PERMITTED: (
        given(SHOP).when(service("a", requested_pool="shop")),
        "pool shop does not admit this Service: its serviceAllocation.namespaces do not match"
        " default",
    ),
    Why.REQUEST_CHANGED: (
        given(*HOLDER).when(service("a", "192.0.2.2")),
        "the Service now asks for 192.0.2.2",
    ),
    Why.POOL_REQUEST_CHANGED: (
        given(*HOLDER).when(service("a", requested_pool="other")),
        "the Service now asks for pool other, and the address is in public",
    ),
    Why.FAMILY_CHANGED: (
        given(*HOLDER).when(service("a", ip_families=(6,))),
        "the Service's IP families are now IPv6",
    ),
    Why.STATUS_CHANGED: (
        given(*FOLLOWED).when(service("a", status_addresses=("192.0.2.1",))),
        "the Service's status now says 192.0.2.1",
    ),
    Why.NO_POOL: (given().when(service("a")), "no IPAddressPool is in force"),
    Why.NO_POOL_FOR_SERVICE: (
        given(SHOP).when(service("a")),
        "no IPAddressPool gives addresses to this Service by itself"
        " (autoAssign is false, or serviceAllocation excludes it): shop",
    ),
    Why.EXHAUSTED: (
        given(PUBLIC).when(service("a", **REQUIRE)),
        "no free address of IPv4 and IPv6 in public, or no range of it",
    ),
    Why.ADDRESS_OUTSIDE_POOLS: (
        given(PUBLIC).when(service("a", "203.0.113.1")),
        "no IPAddressPool contains 203.0.113.1",
    ),
    Why.ADDRESS_AVOIDED: (
        given(pool("careful", "203.0.113.0/24", avoid_buggy_ips=True)).when(
            service("a", "203.0.113.0")
        ),
        "pool careful contains 203.0.113.0, but its avoidBuggyIPs keeps back addresses"
        " that end in .0 or .255",
    ),
    Why.ADDRESS_IN_USE: (
        given(*HOLDER).when(service("b", "192.0.2.0")),
        "192.0.2.0 is held by default/a",
    ),
    Why.SHARING_KEY_DIFFERS: (
        given(*SHARED).when(sharer("b", "192.0.2.0", key="other")),
        "192.0.2.0 is held by default/a, with the sharing key k, not other",
    ),
    Why.TRAFFIC_POLICY_DIFFERS: (
        given(*SHARED).when(sharer("b", "192.0.2.0", external_traffic_policy="Local")),
        "192.0.2.0 is held by default/a, with externalTrafficPolicy Cluster; this one has Local"
        " (no selector), and sharers need Cluster, or Local with one selector",
    ),
    Why.PORT_IN_USE: (
        given(*SHARED).when(sharer("b", "192.0.2.0", ports="TCP/80 UDP/80")),
        "192.0.2.0 is held by default/a, which has the port TCP 80 too",
    ),
    Why.POOL_CLOSED: (
        given(pool("public", "192.0.2.0/30", notes={"allocation": "closed"})).when(service("a")),
        "every pool (public) is closed to new allocations (proclaim.io/allocation: closed)",
    ),
    Why.QUOTA_REACHED: (
        given(pool("public", "192.0.2.0/30", notes={"namespace-quota": "1"})).when(
            service("a"), service("b")
        ),
        "the quota of namespace default in public (1) leaves no room for what it needs",
    ),
    Why.POOL_UNKNOWN: (
        given(PUBLIC).when(service("a", requested_pool="nowhere")),
        "there is no IPAddressPool nowhere",
    ),
    Why.POOL_CONTRADICTS_ADDRESS: (
        given(PUBLIC, SHOP).when(service("a", "192.0.2.1", requested_pool="shop")),
        "the requested pool is shop, but 192.0.2.1 is in public",
    ),
    Why.FAMILY_CONTRADICTS_ADDRESS: (
        given(DUAL).when(service("a", "192.0.2.1", ip_families=(6,))),
        "the Service asks for 192.0.2.1, and needs IPv6",
    ),
    Why.NEEDS_TWO_CLUSTER_IPS: (
        given(DUAL).when(service("a", cluster_ips=("10.0.0.1",), **REQUIRE)),
        "RequireDualStack needs two cluster IPs; the Service has 10.0.0.1",
    ),
    Why.HEADLESS: (
        given(DUAL).when(service("a", cluster_ips=("None",))),
        "a headless Service (clusterIP None) gets no address",
    ),
}


@pytest.mark.parametrize("why", Why)
def test_every_reason_comes_about_and_reads_as_a_sentence(why):
    outcome, sentence = CAUSES[why]
    reasons = [fact.reason for fact in outcome.decisions if hasattr(fact, "reason")]
    assert sentence in [message(reason) for reason in reasons if reason.code is why]


def test_a_reason_in_which_a_name_has_braces_is_still_text():
    odd = service("a", requested_pool="{wanted}")
    outcome = given(PUBLIC).when(odd)
    outcome.then_decides(refused("a", Why.POOL_UNKNOWN, wanted="{wanted}"))
    assert message(outcome.decisions[0].reason) == "there is no IPAddressPool {wanted}"


IN_VAIN = "lowest address of pool public that was never given before; its status claimed "


def given_instead(*claimed, **more):
    """Why a Service has another address than its status claims, before anybody held one."""
    outcome = given(PUBLIC).when(service("a", status_addresses=claimed, **more))
    (decision,) = outcome.decisions
    return message(decision.reason)


def test_a_claim_that_no_pool_contains_is_told_with_what_is_given_instead():
    said = f"{IN_VAIN}203.0.113.7, which no pool contains"
    assert given_instead("203.0.113.7") == said
    asked = given_instead("203.0.113.7", requested_pool="public")
    assert asked == f"the Service asks for pool public: {said}"


def test_what_was_taken_away_here_is_no_claim_that_is_told():
    held = (PUBLIC, service("a", status_addresses=("192.0.2.0",)), assigned("a", "192.0.2.0"))
    outcome = given(*held).when(pool("public", "198.51.100.0/30"))
    reasons = [message(each.reason) for each in outcome.decisions]
    assert reasons == [
        "no pool covers 192.0.2.0 any more; it came from pool public",
        "lowest address of pool public that was never given before",
    ]
