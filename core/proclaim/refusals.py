"""What becomes of a refusal while others come and go: whether it is still true, and who is alike.

A refusal that is still true is not said again, and of many who were refused for
the same it is enough to ask a few when something becomes free.
"""

from __future__ import annotations

from proclaim.addresses import parse_address
from proclaim.allocation import families_of
from proclaim.events import Reason, Why
from proclaim.model import Service
from proclaim.offers import Offers
from proclaim.rations import quota_reached
from proclaim.sharing import refusal

_TOGETHER = frozenset(
    {
        Why.ADDRESS_IN_USE,
        Why.SHARING_KEY_DIFFERS,
        Why.TRAFFIC_POLICY_DIFFERS,
        Why.PORT_IN_USE,
    }
)
"""The reasons that name who holds an address."""
_RATIONED = Why.QUOTA_REACHED


def plainly_wants(offers: Offers, service: Service, known: Reason) -> tuple[object, ...] | None:
    """All that counts for one who lacks nothing but a free address; None where more does.

    The refusal is what was true before something became free; who asks for addresses is never
    refused for want of any.  Who is equal in this is given the same, or refused for the same.
    """
    if known.code is not Why.EXHAUSTED or service.status_addresses:
        return None
    if service.sharing_key or offers.taken.former(service.ref):
        return None
    families = families_of(service)
    grounds = [offers.index.grounds.get(name) for name in known.pools]
    if isinstance(families, Reason) or any(each is None or each.quota for each in grounds):
        return None
    return families.wanted, families.all_required, known.pools


def still_true(offers: Offers, service: Service, known: Reason, now: Reason) -> bool:
    """Whether an earlier refusal still says what is the case.

    What others do may add a rule that comes before the one that was named.  As long as the
    one named still holds, nothing is said again.
    """
    if known == now:
        return True
    if known.code in _TOGETHER and now.code in (*_TOGETHER, _RATIONED):
        held = {
            text: [other for other in offers.taken.holders(text) if other in known.services]
            for text in known.addresses
        }
        asked = " and ".join(service.requested_addresses)
        return refusal(service, held, offers.find, asked) == known
    if known.code is _RATIONED and now.code in (*_TOGETHER, Why.EXHAUSTED, _RATIONED):
        return _still_rationed(offers, service, known)
    return False


def _still_rationed(offers: Offers, service: Service, known: Reason) -> bool:
    families = families_of(service)
    if isinstance(families, Reason) or not set(known.pools) <= _searched(offers, service):
        return False
    grounds = [offers.index.grounds[name] for name in known.pools]
    needed = len(families.wanted) if families.all_required else 1
    for ground in grounds:
        left = offers.rations.left(ground, service.namespace)
        has = [
            text
            for text in service.requested_addresses
            if offers.taken.has(ground.name, service.namespace, text)
        ]
        if left is None or left >= needed - len(has):
            return False
    return quota_reached(grounds, service.namespace) == known


def _searched(offers: Offers, service: Service) -> set[str]:
    """The pools that a Service could have an address of."""
    if service.requested_addresses:
        addresses = tuple(parse_address(text) for text in service.requested_addresses)
        pool = offers.index.owner(addresses)
        return {pool.name} if pool else set()
    candidates = offers.candidates(service)
    return set() if isinstance(candidates, Reason) else {each.name for each in candidates}
