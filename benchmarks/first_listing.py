"""A first listing of 10,000 Services, and then one change: decided, stored as bytes, projected.

Times are of the processor.  The yardstick of the change is a plain copy of a
dict of as many entries, which is what an immutable state costs that copies its
maps; the other one is to settle and project everything anew.  An argument says
how many Services instead.
"""

from __future__ import annotations

import sys
from functools import partial

from proclaim.decide import decide, settle
from proclaim.events import Recorded
from proclaim.fold import number
from proclaim.model import Authority, Authorized, Change, Ref, Spread
from proclaim.project import Projection, advance, project
from proclaim.state import State
from scenes import CODEC, NODE, TIME, listing, seconds, service, settled, show

SERVICES = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
FREED = Ref("Service", "default", "service-00007")


def first() -> State:
    state = decide(State(), Authorized(Authority.ALLOCATE), TIME).state
    return decide(state, listing(SERVICES), TIME).state


def follow(projections: list[Projection], state: State, items: list[Recorded]) -> None:
    for projection in projections:
        advance(projection, state, items)


def change(state: State, projections: list[Projection], one: Change) -> None:
    result = decide(state, one, TIME)
    items = number(state, result.facts, TIME)
    for item in items:
        CODEC.encode(item.fact, item.time, item.transaction)
    follow(projections, result.state, items)


def main() -> None:
    state, _ = settled(SERVICES)
    projections = [project(state, NODE, spread) for spread in Spread]
    plain = {at: at for at in range(SERVICES)}
    copied = seconds(lambda: dict(plain), 51)
    full = seconds(lambda: (settle(state), [project(state, NODE, spread) for spread in Spread]))
    show(f"copy of a dict of {SERVICES:,}", f"{copied * 1000:.3f} ms")
    show("settle and project everything", f"{full * 1000:.1f} ms")
    took = seconds(first, 3)
    show("first listing, decided", f"{took * 1000:.0f} ms", took / full, "everything anew")
    took = seconds(lambda: [project(state, NODE, spread) for spread in Spread], 3)
    show("first listing, projected", f"{took * 1000:.0f} ms", took / full, "everything anew")
    changes = {
        "another port": Change("files", (service(7, 8080),)),
        "one more Service": Change("files", (service(SERVICES),)),
        "one Service gone": Change("files", (), (FREED,)),
    }
    for name, one in changes.items():
        after = decide(state, one, TIME)
        items = number(state, after.facts, TIME)
        took = seconds(partial(follow, projections, after.state, items), 21)
        show(f"projected: {name}", f"{took * 1000:.2f} ms", took / copied, "the copy of one dict")
        took = seconds(partial(change, state, projections, one), 21)
        show(f"one change: {name}", f"{took * 1000:.2f} ms", took / full, "everything anew")
        show("", "", took / copied, "the copy of one dict")


if __name__ == "__main__":
    main()
