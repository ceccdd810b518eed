"""When what the statuses claim cannot be judged, so that nothing is given or taken away yet."""

from __future__ import annotations

from proclaim.doubt import broken_pools, doubt
from proclaim.events import ProblemsReported, Rejected, Why
from proclaim.model import Problem
from proclaim.testing import (
    SOURCE,
    assigned,
    given,
    gone,
    pool,
    rejected,
    service,
)

PUBLIC = pool("public", "192.0.2.0/28")
CLAIMS = service("web", status_addresses=("192.0.2.7",))
BROKEN = ProblemsReported(SOURCE, (Problem(kind="IPAddressPool", name="public", problem="x"),))
OTHER = pool("other", "198.51.100.0/28")


def said(*known):
    return doubt(given(*known).state)


def test_a_claim_that_a_pool_covers_is_clear():
    assert said(PUBLIC, CLAIMS, assigned("web", "192.0.2.7", why=Why.ADOPTED)) == ""


def test_a_claim_outside_all_pools_is_clear_where_every_pool_is_whole():
    assert said(OTHER, CLAIMS) == ""


def test_a_claim_is_in_doubt_while_a_pool_is_broken():
    assert said(OTHER, BROKEN, CLAIMS) == (
        "no pool in force covers what the status of default/web shows, and not in force is "
        "IPAddressPool public"
    )


def test_a_claim_is_in_doubt_while_a_pool_contradicts_another():
    state = given(OTHER, rejected(PUBLIC, "overlaps"), CLAIMS).state
    assert broken_pools(state) == ["public"]
    assert doubt(state)


def test_a_claim_is_in_doubt_where_there_is_no_pool_at_all():
    assert said(CLAIMS).endswith("and there is no IPAddressPool at all")


def test_who_claims_nothing_raises_no_doubt():
    assert said(service("web")) == ""
    assert said(OTHER, BROKEN, service("web")) == ""


def test_a_broken_pool_with_a_last_good_value_raises_no_doubt():
    held = assigned("web", "192.0.2.7", why=Why.ADOPTED)
    assert said(PUBLIC, CLAIMS, held, BROKEN) == ""
    edited = Rejected(SOURCE, pool("public", "192.0.2.0/24"), "overlaps")
    assert said(PUBLIC, CLAIMS, held, edited) == ""


def test_what_we_took_away_ourselves_is_clear():
    held = given(PUBLIC, CLAIMS, assigned("web", "192.0.2.7", why=Why.ADOPTED))
    assert doubt(held.when(gone(PUBLIC)).state) == ""


def test_services_of_another_implementation_raise_no_doubt():
    other = service("web", status_addresses=("192.0.2.7",), load_balancer_class="x")
    assert said(other) == ""


def test_many_are_told_by_a_few_names():
    many = [service(f"s{at}", status_addresses=(f"192.0.2.{at}",)) for at in range(6)]
    assert "status of default/s0, default/s1, default/s2 and 3 more shows" in said(*many)
