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
    planned, findings = taking_over(listing(held), "")
    assert change_of(planned) == {"web": ("kept", ("192.0.2.1",), ("192.0.2.1",))}
    assert not planned.summary.changes
    assert findings == []


def test_what_would_move_and_what_would_wait_no_longer_is_told():
    asks = service("web", "192.0.2.2", status_addresses=("192.0.2.1",))
    waits = service("new")
    planned, _ = taking_over(listing(asks, waits), "")
    assert change_of(planned) == {
        "web": ("moved", ("192.0.2.1",), ("192.0.2.2",)),
        "new": ("assigned", (), ("192.0.2.0",)),
    }
    assert planned.summary.nodes == ("n1", "n2")
    assert planned.summary.changes


def test_services_of_another_class_are_left_alone():
    other = service("web", status_addresses=("192.0.2.1",), load_balancer_class="other")
    planned, _ = taking_over(listing(other), "")
    assert change_of(planned) == {}
    planned, _ = taking_over(listing(other), "other")
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
