"""Reasons as sentences: the one place where a `Reason` becomes text."""

from __future__ import annotations

from proclaim.events import Reason, Why

_SENTENCES: dict[Why, str] = {
    Why.ADOPTED: "the Service's status claimed {addresses} already, and pool {pool} covers it",
    Why.REQUESTED: "the Service asks for {addresses}, which pool {pool} covers",
    Why.REQUESTED_POOL: "lowest free address of pool {pool}, which the Service asks for",
    Why.FREE: "lowest free address of pool {pool}",
    Why.SECOND_FAMILY: "pool {pool} now has both families, and the Service prefers dual stack",
    Why.POOL_RENAMED: "the address stays; pool {pool} covers it now",
    Why.GONE: "the Service was deleted",
    Why.NOT_LOAD_BALANCER: "the Service's type is {wanted}, not LoadBalancer",
    Why.OTHER_CLASS: "the Service's loadBalancerClass {wanted} is another implementation's",
    Why.NOT_COVERED: "no pool covers {addresses} any more; it came from pool {pool}",
    Why.NOT_PERMITTED: "pool {pool} does not admit this Service",
    Why.REQUEST_CHANGED: "the Service now asks for {wanted}",
    Why.POOL_REQUEST_CHANGED: "the Service now asks for pool {wanted}",
    Why.FAMILY_CHANGED: "the Service's IP families are now {wanted}",
    Why.STATUS_CHANGED: "the Service's status now says {wanted}",
    Why.NO_POOL: "no IPAddressPool is in force",
    Why.NO_POOL_FOR_SERVICE: "no IPAddressPool gives addresses to this Service by itself"
    " (autoAssign is false, or serviceAllocation excludes it): {pools}",
    Why.EXHAUSTED: "no free {wanted} address in {pools}",
    Why.ADDRESS_OUTSIDE_POOLS: "no IPAddressPool contains {wanted}",
    Why.ADDRESS_AVOIDED: "pool {pool} contains {wanted}, but its avoidBuggyIPs keeps back addresses"
    " that end in .0 or .255",
    Why.ADDRESS_IN_USE: "{addresses} is held by {services}",
    Why.POOL_UNKNOWN: "there is no IPAddressPool {wanted}",
    Why.POOL_CONTRADICTS_ADDRESS: "the requested pool is {wanted}, but {addresses} is in {pool}",
    Why.FAMILY_CONTRADICTS_ADDRESS: "{addresses} was requested, but the Service needs {wanted}",
    Why.NEEDS_TWO_CLUSTER_IPS: "RequireDualStack needs two cluster IPs; the Service has {wanted}",
    Why.HEADLESS: "a headless Service (clusterIP None) gets no address",
}


def message(reason: Reason) -> str:
    """The reason as one sentence without a full stop, for people."""
    return _SENTENCES[reason.code].format(
        pool=reason.pool,
        pools=", ".join(reason.pools) or "any pool",
        addresses=" and ".join(reason.addresses),
        services=", ".join(service.short for service in reason.services),
        wanted=reason.wanted,
    )
