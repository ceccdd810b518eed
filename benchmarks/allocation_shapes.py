"""Allocation in odd shapes: huge pools, many ranges, many who wait, share, or live on a quota.

Each figure is of one observation, decided, in processor time; the yardstick is
the same change among the same Services in the plain shape: one pool of a few
hundred addresses, nobody waiting, nobody sharing, no quota.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from functools import partial

from msgspec import structs
from proclaim.addresses import Address, Range, parse_address
from proclaim.allocation import Family
from proclaim.decide import decide
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    Listing,
    Observation,
    Pool,
    Port,
    Resource,
    Service,
)
from proclaim.pool_index import ALLOCATION, QUOTA, PoolIndex
from proclaim.state import State
from scenes import TIME, seconds, show, sourced

MANY = 10_000
FEW = 100
WAITED_FOR = 8
ROUNDS = 21
PLAIN = ("10.0.0.0/23",)


def wanting(at: int, family: Family = 4) -> Service:
    """One of many Services that want an address."""
    return Service(
        "shop",
        f"service-{at:05}",
        type="LoadBalancer",
        ports=(Port("TCP", 1 + at),),
        ip_families=(family,),
    )


def sharing(at: int) -> Service:
    """One of many Services that share one address, each with a port of its own."""
    key = (("metallb.io/allow-shared-ip", "together"),)
    return structs.replace(wanting(at), annotations=key)


def state_of(resources: Iterable[Resource]) -> State:
    """The state after a first listing."""
    state = decide(State(), Authorized(Authority.ALLOCATE), TIME).state
    return decide(state, Listing("files", tuple(map(sourced, resources))), TIME).state


def one(resource: Resource) -> Change:
    return Change("files", (sourced(resource),))


def gone(resource: Resource) -> Change:
    return Change("files", (), (resource.ref,))


class Yardstick:
    """One Service more and one less in the plain shape, by how many Services there are."""

    def __init__(self, services: int) -> None:
        state = state_of(
            (Pool("plain", addresses=("10.0.0.0/16",)), *map(wanting, range(services)))
        )
        gc.freeze()
        self.more = timed(state, one(wanting(MANY)))
        self.less = timed(state, gone(wanting(7)))
        show(f"plain, {services:,}: one more", f"{self.more * 1000:.2f} ms")
        show(f"plain, {services:,}: one gone", f"{self.less * 1000:.2f} ms")


def timed(state: State, observation: Observation, rounds: int = ROUNDS) -> float:
    return seconds(partial(decide, state, observation, TIME), rounds)


def told(what: str, took: float, plain: float) -> None:
    show(what, f"{took * 1000:.2f} ms", took / plain, "the plain shape")


def pools() -> None:
    """A /8, a /64 and 10,000 ranges give, take back and are found as a small pool is."""
    ranges = tuple(str(Range(4, first, first + 1)) for first in _starts())
    shapes = {
        "a /23": PLAIN,
        "a /8": ("10.0.0.0/8",),
        "a /64": ("2001:db8::/64",),
        "10,000 ranges": ranges,
    }
    plain: dict[str, float] = {}
    for name, addresses in shapes.items():
        made = partial(wanting, family=6 if ":" in addresses[0] else 4)
        pool = Pool("pool", addresses=addresses, avoid_buggy_ips=True)
        state = state_of((pool, *map(made, range(FEW))))
        index = state.pool_index
        held = [parse_address(text) for text in state.holders]
        gc.freeze()
        took = {
            "one Service more": timed(state, one(made(MANY))),
            "one Service gone": timed(state, gone(made(7))),
            "whose are 100 addresses": seconds(partial(_owners, index, held), ROUNDS),
        }
        plain = plain or took
        for what, figure in took.items():
            told(f"{name}: {what}", figure, plain[what])


def _starts() -> range:
    first = 10 << 24
    return range(first, first + 8 * MANY, 8)


def _owners(index: PoolIndex, addresses: Iterable[Address]) -> None:
    for address in addresses:
        index.owner((address,))


def waiting(plain: Yardstick) -> None:
    """Services that wait for 8 addresses, and one of those who have them goes."""
    for many in (MANY // 4, MANY):
        state = state_of((Pool("pool", addresses=("192.0.2.8/29",)), *map(wanting, range(many))))
        assert len(state.holdings) == WAITED_FOR
        gc.freeze()
        told(f"{many:,} wait: one holder gone", timed(state, gone(wanting(7)), 5), plain.less)
        told(f"{many:,} wait: one more waits", timed(state, one(wanting(MANY))), plain.more)


def sharers(plain: Yardstick) -> None:
    """Services on one address by one key."""
    for many in (MANY // 4, MANY):
        state = state_of((Pool("pool", addresses=PLAIN), *map(sharing, range(many))))
        assert len(state.holders) == 1
        gc.freeze()
        told(f"{many:,} share: one more", timed(state, one(sharing(MANY))), plain.more)
        told(f"{many:,} share: one gone", timed(state, gone(sharing(7))), plain.less)


def quota(plain: Yardstick) -> None:
    """A namespace that holds 9,000 addresses of 9,001."""
    for holders in (9_000 // 4, 9_000):
        notes = ((QUOTA, f"shop={holders + 1}"), (ALLOCATION, "open"))
        pool = Pool("pool", addresses=("10.0.0.0/16",), annotations=notes)
        state = state_of((pool, *map(wanting, range(holders))))
        gc.freeze()
        told(f"{holders:,} on a quota: one more", timed(state, one(wanting(MANY))), plain.more)
        told(f"{holders:,} on a quota: one gone", timed(state, gone(wanting(7))), plain.less)
        full = decide(state, one(wanting(MANY)), TIME).state
        refused = wanting(MANY + 1)
        told(f"{holders:,} on a quota: one refused", timed(full, one(refused)), plain.more)


def main() -> None:
    pools()
    plain = Yardstick(MANY)
    shapes: tuple[Callable[[Yardstick], None], ...] = (waiting, sharers, quota)
    for shape in shapes:
        shape(plain)


if __name__ == "__main__":
    main()
