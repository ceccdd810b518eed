"""Who may have which address, as plain as can be: every address of every pool, one by one.

Nothing here is taken from the rooms that decide.  It knows what the reference
promises about an address, and nothing about how one is chosen.
"""

from ipaddress import ip_address, ip_network, summarize_address_range

BOTH = (4, 6)


def addresses_of(pool):
    """Every address that a pool may give, as text."""
    found = set()
    for text in pool.addresses:
        first, dash, last = text.partition("-")
        if dash:
            networks = summarize_address_range(ip_address(first), ip_address(last))
        else:
            networks = [ip_network(text)]
        found |= {address for network in networks for address in network}
    if pool.avoid_buggy_ips:
        found = {each for each in found if each.version == 6 or each.packed[3] not in (0, 255)}
    return {str(address) for address in found}


def family(address):
    return 6 if ":" in address else 4


def note(pool, name):
    return dict(pool.annotations).get(f"proclaim.io/{name}", "")


def is_closed(pool):
    return note(pool, "allocation") == "closed"


def quota(pool, namespace):
    """How many addresses of a pool a namespace may hold; None where there is no limit."""
    limits = {}
    for part in note(pool, "namespace-quota").split(","):
        name, equals, count = part.strip().rpartition("=")
        if count:
            limits[name if equals else "*"] = int(count)
    return limits.get(namespace, limits.get("*"))


def selected(selectors, labels):
    return any(set(selector.labels) <= set(labels) for selector in selectors)


def permits(pool, service, namespaces):
    """Whether a pool is for a Service; `namespaces` are the labels of those that are known."""
    limits = pool.service_allocation
    if limits is None:
        return True
    if limits.service_selectors and not selected(limits.service_selectors, service.labels):
        return False
    if not limits.namespaces and not limits.namespace_selectors:
        return True
    here = service.namespace
    return here in limits.namespaces or (
        here in namespaces and selected(limits.namespace_selectors, namespaces[here])
    )


def wanted(service):
    """The families that a Service wants; none where it can have no address."""
    dual = service.ip_family_policy != "SingleStack"
    if service.cluster_ips:
        if "None" in service.cluster_ips:
            return ()
        if service.ip_family_policy == "RequireDualStack" and len(service.cluster_ips) == 1:
            return ()
        return tuple(family(text) for text in service.cluster_ips)
    if len(service.ip_families) == 2 or dual:
        return BOTH
    if service.ip_families:
        return service.ip_families
    return tuple(sorted(family(text) for text in service.requested_addresses)) or (4,)


def content_with_one(service):
    return service.ip_family_policy == "PreferDualStack"


def key_of(service):
    notes = dict(service.annotations)
    legacy = notes.get("metallb.universe.tf/allow-shared-ip", "")
    return notes.get("metallb.io/allow-shared-ip", legacy)


def may_share(one, other):
    """Whether two Services may have one address."""
    if not key_of(one) or key_of(one) != key_of(other):
        return False
    if one.external_traffic_policy != other.external_traffic_policy:
        return False
    if one.external_traffic_policy == "Local" and one.selector != other.selector:
        return False
    return not set(one.ports) & set(other.ports)


def rank(pool):
    """The order in which pools are asked: those for somebody, by priority, 0 last; by name."""
    limits = pool.service_allocation
    if limits is None:
        return 1, 0, 0, pool.name
    return 0, limits.priority == 0, limits.priority, pool.name


class World:
    """What is in force at some moment, and who holds what."""

    def __init__(self, resources, held):
        self.services = {each.ref: each for each in resources if each.ref.kind == "Service"}
        self.pools = {each.name: each for each in resources if each.ref.kind == "IPAddressPool"}
        self.namespaces = {
            each.name: each.labels for each in resources if each.ref.kind == "Namespace"
        }
        self.by_ref = {each.ref: each for each in resources}
        self.held = held
        self.ranges = {name: addresses_of(pool) for name, pool in self.pools.items()}

    def pool_of(self, address):
        return next((name for name, inside in self.ranges.items() if address in inside), None)

    def wants(self, service):
        return service.type == "LoadBalancer" and service.load_balancer_class is None

    def holders(self, address):
        return [ref for ref, addresses in self.held.items() if address in addresses]

    def is_free_for(self, service, address):
        """Whether nobody holds an address who would not share it."""
        others = [self.services[ref] for ref in self.holders(address) if ref != service.ref]
        return all(may_share(service, other) for other in others)

    def of_namespace(self, pool, namespace):
        """The addresses of a pool that a namespace holds."""
        return {
            address
            for ref, addresses in self.held.items()
            if ref.namespace == namespace
            for address in addresses
            if address in self.ranges[pool.name]
        }

    def left(self, pool, namespace):
        limit = quota(pool, namespace)
        has = len(self.of_namespace(pool, namespace))
        return 1 << 129 if limit is None else max(0, limit - has)

    def affordable(self, service, pool, addresses):
        """Whether an open pool may give these to a Service, and its quota admits it."""
        has = self.of_namespace(pool, service.namespace)
        new = set(addresses) - has
        return (
            permits(pool, service, self.namespaces)
            and not is_closed(pool)
            and (not new or len(new) <= self.left(pool, service.namespace))
        )

    def could_have(self, service):
        """Something that a Service without an address could have, as text; None if nothing."""
        families = wanted(service)
        if not self.wants(service) or not families:
            return None
        if service.requested_addresses:
            return self._asked(service, families)
        for pool in sorted(self.pools.values(), key=rank):
            if self.searched(service, pool) and (found := self.from_pool(service, pool, families)):
                return found
        return None

    def may_claim(self, service, address):
        """A status alone opens no pool that gives nothing by itself."""
        name = self.pool_of(address)
        return name is not None and self.searched(service, self.pools[name])

    def searched(self, service, pool):
        if service.requested_pool:
            return pool.name == service.requested_pool
        return pool.auto_assign

    def _asked(self, service, families):
        addresses = service.requested_addresses
        pools = {self.pool_of(address) for address in addresses}
        if sorted(map(family, addresses)) != sorted(families) or len(pools) > 1 or None in pools:
            return None
        pool = self.pools[pools.pop()]
        fits = service.requested_pool in ("", pool.name)
        free = all(self.is_free_for(service, address) for address in addresses)
        return addresses if fits and free and self.affordable(service, pool, addresses) else None

    def from_pool(self, service, pool, families):
        """Addresses of one pool for all the families, or for one where one is enough."""
        has = self.of_namespace(pool, service.namespace)
        cheapest = {}
        for address in sorted(self.ranges[pool.name]):
            if self.is_free_for(service, address):
                known = cheapest.get(family(address))
                if known is None or (known not in has and address in has):
                    cheapest[family(address)] = address
        choices = [families]
        if content_with_one(service):
            choices += [(each,) for each in families]
        for choice in choices:
            addresses = tuple(cheapest[each] for each in choice if each in cheapest)
            if len(addresses) == len(choice) and self.affordable(service, pool, addresses):
                return addresses
        return None

    def could_add(self, service, address):
        """A second family for who prefers two, has one and asks for none."""
        families = wanted(service)
        lacks = len(families) == 2 and content_with_one(service)
        if not lacks or service.requested_addresses:
            return None
        pool = self.pools[self.pool_of(address)]
        other = 4 if family(address) == 6 else 6
        return self.from_pool(service, pool, (other,))
