"""Which changes of a Service a node believes at once, and which only when they last."""

from __future__ import annotations

from msgspec import structs
from proclaim.testing import pool, service
from proclaim_k8s_source.watch.patience import (
    BELIEVED_AFTER_SECONDS,
    GONE_AFTER_SECONDS,
    Patience,
    loses_by_status_alone,
)

OLD = service("web", status_addresses=("192.0.2.1",))
GONE = structs.replace(OLD, status_addresses=())
OTHER = structs.replace(OLD, status_addresses=("203.0.113.9",))
REF = OLD.ref
LATER = 10 + BELIEVED_AFTER_SECONDS


def change(old, new):
    return {REF: (old, new)}


def test_a_status_that_loses_an_address_is_believed_when_it_lasts():
    patience = Patience()
    assert patience.sift(change(OLD, GONE), 10) == {}
    assert patience.deadline() == LATER
    assert patience.sift({}, LATER - 0.1) == {}
    assert patience.sift({}, LATER) == change(OLD, GONE)
    assert patience.deadline() == float("inf")


def test_a_status_that_is_put_right_in_time_never_changed():
    patience = Patience()
    assert patience.sift(change(OLD, OTHER), 10) == {}
    assert patience.sift(change(OTHER, OLD), 10.5) == {}
    assert patience.sift({}, 100) == {}


def test_changing_again_does_not_begin_the_wait_anew():
    patience = Patience()
    patience.sift(change(OLD, OTHER), 10)
    assert patience.sift(change(OTHER, GONE), 10.9) == {}
    assert patience.sift({}, LATER) == change(OLD, GONE)


def test_what_the_service_asks_for_is_believed_at_once():
    for new in (
        structs.replace(GONE, type="ClusterIP"),
        structs.replace(GONE, requested_addresses=("192.0.2.2",)),
        structs.replace(OLD, status_addresses=("192.0.2.1", "2001:db8::1")),
        structs.replace(OLD, labels=(("a", "b"),)),
    ):
        assert Patience().sift(change(OLD, new), 10) == change(OLD, new)


def test_what_an_allocator_notes_is_not_what_a_service_asks_for():
    noted = structs.replace(
        GONE,
        annotations=(
            ("metallb.io/ip-allocated-from-pool", "public"),
            ("proclaim.io/agreed-addresses", "192.0.2.1"),
        ),
    )
    assert loses_by_status_alone(OLD, noted)


def test_a_service_that_is_deleted_while_it_is_held_back_is_gone_at_once():
    patience = Patience()
    patience.sift(change(OLD, GONE), 10)
    assert patience.sift(change(GONE, None), 10.2) == change(OLD, None)
    assert patience.sift({}, 100) == {}


def test_a_change_of_what_it_asks_takes_what_was_held_back_with_it():
    patience = Patience()
    patience.sift(change(OLD, GONE), 10)
    asks = structs.replace(GONE, requested_addresses=("192.0.2.2",))
    assert patience.sift(change(GONE, asks), 10.2) == change(OLD, asks)


def test_other_resources_are_none_of_its_business():
    new = pool("public", "192.0.2.0/24")
    assert Patience().sift({new.ref: (None, new)}, 10) == {new.ref: (None, new)}


# --- pools --------------------------------------------------------------------------------------

POOL = pool("public", "192.0.2.0/24")
WIDER = pool("public", "192.0.2.0/23")


def test_a_pool_is_gone_when_it_has_stayed_away():
    patience = Patience()
    assert patience.sift({POOL.ref: (POOL, None)}, 10) == {}
    assert patience.deadline() == 10 + GONE_AFTER_SECONDS
    assert patience.sift({}, 10 + GONE_AFTER_SECONDS) == {POOL.ref: (POOL, None)}


def test_a_pool_that_is_made_anew_in_time_was_never_gone():
    patience = Patience()
    assert patience.sift({POOL.ref: (POOL, None)}, 10) == {}
    assert patience.sift({POOL.ref: (None, POOL)}, 10.5) == {}
    assert patience.sift({}, 100) == {}


def test_a_pool_that_is_replaced_by_another_of_its_name_is_changed_at_once():
    patience = Patience()
    patience.sift({POOL.ref: (POOL, None)}, 10)
    assert patience.sift({POOL.ref: (None, WIDER)}, 10.5) == {POOL.ref: (POOL, WIDER)}
    assert patience.deadline() == float("inf")
