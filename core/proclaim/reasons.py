"""Reasons as sentences: the one place where a `Reason` becomes text."""

from __future__ import annotations

from proclaim.events import Reason, Why

_SENTENCES: dict[Why, str] = {
    Why.ADOPTED: "the Service's status claimed {addresses} already, and pool {pool} covers it",
    Why.REQUESTED: "the Service asks for {addresses}, which pool {pool} covers",
    Why.REQUESTED_POOL: "the Service asks for pool {pool}: {how}",
    Why.FREE: "lowest address of pool {pool} that was never given before",
    Why.LONGEST_RELEASED: "every address of pool {pool} was given before; this one was released"
    " longest ago",
    Why.RETURNED: "the Service had it before, and nobody else needs it now; it is in pool {pool}",
    Why.SHARED: "an address of pool {pool} that Services with the same sharing key hold",
    Why.SECOND_FAMILY: "pool {pool} has an address of the other family, and the Service wants both",
    Why.FAMILY_LOST: "the other address stays; {lost}",
    Why.POOL_RENAMED: "the address stays; pool {pool} covers it now",
    Why.GONE: "the Service was deleted",
    Why.NOT_LOAD_BALANCER: "the Service's type is {wanted}, not LoadBalancer",
    Why.OTHER_CLASS: "the Service's loadBalancerClass is {wanted}; Services {ours} are handled"
    " here",
    Why.NOT_COVERED: "{covered} any more; it came from pool {pool}",
    Why.NOT_PERMITTED: "pool {pool} does not admit this Service: its serviceAllocation.{found} do"
    " not match {wanted}",
    Why.REQUEST_CHANGED: "the Service now asks for {wanted}",
    Why.POOL_REQUEST_CHANGED: "the Service now asks for pool {wanted}, and the address is in"
    " {found}",
    Why.FAMILY_CHANGED: "the Service's IP families are now {wanted}",
    Why.STATUS_CHANGED: "the Service's status now says {wanted}",
    Why.NO_POOL: "no IPAddressPool is in force",
    Why.NO_POOL_FOR_SERVICE: "no IPAddressPool gives addresses to this Service by itself"
    " (autoAssign is false, or serviceAllocation excludes it): {pools}",
    Why.EXHAUSTED: "no free address of {wanted} in {pools}, or no range of it",
    Why.ADDRESS_OUTSIDE_POOLS: "no IPAddressPool contains {wanted}",
    Why.ADDRESS_AVOIDED: "pool {pool} contains {wanted}, but its avoidBuggyIPs keeps back addresses"
    " that end in .0 or .255",
    Why.ADDRESS_IN_USE: "{addresses} is held by {services}",
    Why.SHARING_KEY_DIFFERS: "{addresses} is held by {services}, with the sharing key {found}, not"
    " {wanted}",
    Why.TRAFFIC_POLICY_DIFFERS: "{addresses} is held by {services}, with externalTrafficPolicy"
    " {found}; this one has {wanted}, and sharers need Cluster, or Local with one selector",
    Why.PORT_IN_USE: "{addresses} is held by {services}, which has the port {wanted} too",
    Why.POOL_CLOSED: "{closed} closed to new allocations (proclaim.io/allocation: closed)",
    Why.QUOTA_REACHED: "the quota of namespace {wanted} in {pools} ({found}) leaves no room for"
    " what it needs",
    Why.POOL_UNKNOWN: "there is no IPAddressPool {wanted}",
    Why.POOL_CONTRADICTS_ADDRESS: "the requested pool is {wanted}, but {addresses} is in {pool}",
    Why.FAMILY_CONTRADICTS_ADDRESS: "the Service asks for {addresses}, and needs {wanted}",
    Why.NEEDS_TWO_CLUSTER_IPS: "RequireDualStack needs two cluster IPs; the Service has {wanted}",
    Why.HEADLESS: "a headless Service (clusterIP None) gets no address",
}


RULES: dict[Why, str] = {
    Why.ADOPTED: "Service.status.loadBalancer.ingress",
    Why.REQUESTED: "Service.metadata.annotations[metallb.io/loadBalancerIPs]",
    Why.REQUESTED_POOL: "Service.metadata.annotations[metallb.io/address-pool]",
    Why.SECOND_FAMILY: "Service.spec.ipFamilyPolicy",
    Why.FAMILY_LOST: "IPAddressPool.spec.addresses",
    Why.SHARED: "Service.metadata.annotations[metallb.io/allow-shared-ip]",
    Why.NOT_LOAD_BALANCER: "Service.spec.type",
    Why.OTHER_CLASS: "Service.spec.loadBalancerClass",
    Why.NOT_COVERED: "IPAddressPool.spec.addresses",
    Why.NOT_PERMITTED: "IPAddressPool.spec.serviceAllocation",
    Why.REQUEST_CHANGED: "Service.metadata.annotations[metallb.io/loadBalancerIPs]",
    Why.POOL_REQUEST_CHANGED: "Service.metadata.annotations[metallb.io/address-pool]",
    Why.FAMILY_CHANGED: "Service.spec.ipFamilies",
    Why.STATUS_CHANGED: "Service.status.loadBalancer.ingress",
    Why.NO_POOL_FOR_SERVICE: "IPAddressPool.spec.autoAssign",
    Why.EXHAUSTED: "IPAddressPool.spec.addresses",
    Why.ADDRESS_OUTSIDE_POOLS: "IPAddressPool.spec.addresses",
    Why.ADDRESS_AVOIDED: "IPAddressPool.spec.avoidBuggyIPs",
    Why.SHARING_KEY_DIFFERS: "Service.metadata.annotations[metallb.io/allow-shared-ip]",
    Why.TRAFFIC_POLICY_DIFFERS: "Service.spec.externalTrafficPolicy",
    Why.PORT_IN_USE: "Service.spec.ports",
    Why.POOL_CLOSED: "IPAddressPool.metadata.annotations[proclaim.io/allocation]",
    Why.QUOTA_REACHED: "IPAddressPool.metadata.annotations[proclaim.io/namespace-quota]",
    Why.POOL_UNKNOWN: "Service.metadata.annotations[metallb.io/address-pool]",
    Why.POOL_CONTRADICTS_ADDRESS: "Service.metadata.annotations[metallb.io/address-pool]",
    Why.FAMILY_CONTRADICTS_ADDRESS: "Service.spec.ipFamilies",
    Why.NEEDS_TWO_CLUSTER_IPS: "Service.spec.ipFamilyPolicy",
    Why.HEADLESS: "Service.spec.clusterIPs",
}
"""The field whose value decided; absent where no field did."""


_IN_VAIN = "; its status claimed {addresses}, which no pool contains"
_HOW = {str(why): why for why in (Why.FREE, Why.LONGEST_RELEASED, Why.RETURNED, Why.SHARED)}
"""How an address of a requested pool was found, which `found` says."""


def rule(reason: Reason) -> str:
    """The field of the resource that decided; empty where no field did."""
    return RULES.get(reason.code, "")


def claimed_in_vain(reason: Reason) -> tuple[str, ...]:
    """What the status of a Service claimed that no pool contains, as another address was found."""
    found = reason.code is Why.REQUESTED_POOL or reason.code in _HOW.values()
    return reason.addresses if found else ()


def message(reason: Reason) -> str:
    """The reason as one sentence without a full stop, for people."""
    names = ", ".join(reason.pools)
    how = _HOW.get(reason.found)
    gone = " and ".join(reason.addresses)
    sentence = _SENTENCES[reason.code] + (_IN_VAIN if claimed_in_vain(reason) else "")
    return sentence.format(
        pool=reason.pool,
        pools=names or "any pool",
        addresses=" and ".join(reason.addresses),
        services=", ".join(service.short for service in reason.services),
        wanted=reason.wanted or "not set",
        found=reason.found or "not set",
        how=message(Reason(how, pool=reason.pool)) if how else "it has an address",
        lost=f"the Service no longer wants the family of {gone}"
        if reason.found == Why.FAMILY_CHANGED
        else f"its pool does not cover {gone} any more",
        covered=f"no pool covers both {gone}"
        if len(reason.addresses) == 2
        else f"no pool covers {gone}",
        ours=f"of class {reason.found}" if reason.found else "without one",
        closed=f"pool {reason.pool} is" if reason.pool else f"every pool ({names}) is",
    )
