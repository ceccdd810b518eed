"""What a first start in a running cluster would change, as the command line shows it."""

from __future__ import annotations

import json

from proclaim.model import BGPAdvertisement, BGPPeer, Listing, Node, Sourced
from proclaim.testing import pool, service
from proclaim_cli.lent import Lent
from proclaim_cli.values.taking_over import taking_over

CLUSTER = (
    pool("public", "192.0.2.0/30"),
    BGPAdvertisement("bgp"),
    BGPPeer("tor", 64512, peer_asn=64513),
    Node("n1"),
    Node("n2"),
)


def listing(*services):
    return Listing("kubernetes", tuple(map(Sourced, (*CLUSTER, *services))))


def change_of(planned):
    return {each.name: (each.change, each.before, each.after) for each in planned.services}


def test_a_cluster_in_order_is_taken_over_without_a_change():
    held = service("web", status_addresses=("192.0.2.1",))
    planned, findings, doubt, _ = taking_over(listing(held), "")
    assert doubt == ""
    assert change_of(planned) == {"web": ("kept", ("192.0.2.1",), ("192.0.2.1",))}
    assert not planned.summary.changes
    assert findings == []


def test_what_would_move_and_what_would_wait_no_longer_is_told():
    asks = service("web", "192.0.2.2", status_addresses=("192.0.2.1",))
    waits = service("new")
    planned, *_ = taking_over(listing(asks, waits), "")
    assert change_of(planned) == {
        "web": ("moved", ("192.0.2.1",), ("192.0.2.2",)),
        "new": ("assigned", (), ("192.0.2.0",)),
    }
    assert planned.summary.nodes == ("n1", "n2")
    assert planned.summary.changes


def test_services_of_another_class_are_left_alone():
    other = service("web", status_addresses=("192.0.2.1",), load_balancer_class="other")
    planned, *_ = taking_over(listing(other), "")
    assert change_of(planned) == {}
    planned, *_ = taking_over(listing(other), "other")
    assert change_of(planned) == {"web": ("kept", ("192.0.2.1",), ("192.0.2.1",))}


def test_the_plan_is_shown_like_every_plan_and_has_its_status(capsys):
    held = service("web", status_addresses=("192.0.2.1",))
    assert Lent().show_plan(listing(held), "", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["change"] for each in shown["services"]] == ["kept"]
    assert Lent().show_plan(listing(held, service("new")), "", "table") == 2
    assert "new" in capsys.readouterr().out
    overlapping = listing(held, pool("wrong", "192.0.2.0/24"))
    assert Lent().show_plan(overlapping, "", "table") == 1
    assert "overlap" in capsys.readouterr().err


def test_an_address_that_no_pool_covers_is_told_as_one_that_goes():
    lost = service("old", status_addresses=("203.0.113.9",))
    planned, *_ = taking_over(listing(lost), "")
    assert change_of(planned) == {"old": ("moved", ("203.0.113.9",), ("192.0.2.0",))}
    (old,) = planned.services
    assert old.reason.code == "AddressOutsidePools"
    assert old.outcome.message == "lowest address of pool public that was never given before"
    assert planned.summary.services.moved == 1
    assert planned.summary.services.assigned == 0


def test_an_address_that_two_claim_is_told_with_who_keeps_it():
    one = service("a", status_addresses=("192.0.2.1",))
    other = service("b", status_addresses=("192.0.2.1",))
    planned, *_ = taking_over(listing(one, other), "")
    assert change_of(planned) == {
        "a": ("kept", ("192.0.2.1",), ("192.0.2.1",)),
        "b": ("moved", ("192.0.2.1",), ("192.0.2.0",)),
    }
    assert "default/a" in planned.services[1].reason.message


def test_what_cannot_be_judged_is_left_alone_and_told(capsys):
    held = service("web", status_addresses=("192.0.2.1",))
    nothing = Listing("kubernetes", (Sourced(held), Sourced(service("new"))))
    planned, _, doubt, _ = taking_over(nothing, "")
    assert doubt.endswith("there is no IPAddressPool at all")
    assert planned.services == ()
    assert Lent().show_plan(nothing, "", "table") == 1
    assert "nothing would be given and no status written" in capsys.readouterr().err
    assert Lent().show_plan(nothing, "", "table") == 1
    shown = capsys.readouterr().out
    assert shown == (
        "no plan: no pool in force covers what the status of default/web shows, and there is no "
        "IPAddressPool at all; 0 services kept\n"
    )


def classed(name, load_balancer_class, *shown):
    return service(name, status_addresses=shown, load_balancer_class=load_balancer_class)


def test_who_is_of_another_class_is_counted_and_who_would_be_missed_is_named(capsys):
    cluster = listing(
        service("web", status_addresses=("192.0.2.0",)),
        classed("a", "x", "192.0.2.1"),
        classed("b", "x", "203.0.113.9"),
        classed("c", "y"),
    )
    assert Lent().show_plan(cluster, "", "table") == 2
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out == (
        "! 2 services of loadBalancerClass x are not served; what has an address of these pools "
        "would no longer be announced: default/a\n"
        "  1 service of loadBalancerClass y is not served\n"
        "services: 1 kept, 3 not served; announcements: no change\n"
    )
    assert Lent().show_plan(cluster, "", "json") == 2
    summary = json.loads(capsys.readouterr().out)
    assert summary["summary"]["changes"]
    assert summary["left_alone"] == [
        {"load_balancer_class": "x", "services": 2, "showing": 2, "announced": ["default/a"]},
        {"load_balancer_class": "y", "services": 1, "showing": 0, "announced": []},
    ]


def test_who_was_never_served_is_no_change(capsys):
    cluster = listing(service("web", status_addresses=("192.0.2.0",)), classed("c", "y"))
    assert Lent().show_plan(cluster, "", "table") == 0
    assert capsys.readouterr().out == (
        "  1 service of loadBalancerClass y is not served\n"
        "no changes: 1 service kept, 1 not served\n"
    )
    assert Lent().show_plan(listing(classed("c", "y")), "", "table") == 0


def test_a_plan_that_serves_nobody_is_no_all_clear(capsys):
    without = listing(service("a", status_addresses=("192.0.2.1",)))
    assert Lent().show_plan(without, "x", "table") == 1
    shown = capsys.readouterr()
    assert shown.err == (
        "problem: no Service would be served: none of type LoadBalancer is of loadBalancerClass x; "
        "there: 1 service without a loadBalancerClass; --load-balancer-class names the "
        "class to serve\n"
    )
    assert "! 1 service without a loadBalancerClass is not served" in shown.out
    assert Lent().show_plan(listing(classed("a", "x", "192.0.2.1")), "", "table") == 1
    assert "none of type LoadBalancer is without a loadBalancerClass" in capsys.readouterr().err
    elsewhere = Listing("kubernetes", (Sourced(classed("a", "x", "192.0.2.1")),))
    assert Lent().show_plan(elsewhere, "", "table") == 1
    assert capsys.readouterr().out.startswith("  1 service of loadBalancerClass x is not served")
