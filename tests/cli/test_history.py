"""`proclaim history`: who held an address, from when to when, and why it ended."""

import json

from cli.running import POOL, service
from hypothesis import given, settings
from ledger.worlds import histories
from proclaim.decide import decide
from proclaim.fold import fold, number
from proclaim.state import State
from proclaim_cli.values.intervals import intervals, of_address, of_service


def shown(proclaim, subject):
    ran = proclaim("history", subject, "-o", "json")
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


ONE = POOL.replace("192.0.2.0/30", "192.0.2.0/32")


def test_an_address_has_an_interval_for_each_who_held_it(proclaim):
    proclaim.apply(ONE, service("web"))
    proclaim.apply(ONE, service("mail"))
    first, second = shown(proclaim, "192.0.2.0")
    assert (first["service"], first["reason"]["code"]) == ("default/web", "Free")
    assert first["ended"]["code"] == "Gone"
    assert first["since"]["position"] < first["until"]["position"] < second["since"]["position"]
    assert (second["service"], second["until"], second["ended"]) == ("default/mail", None, None)
    assert second["reason"]["code"] == "LongestReleased"


def test_a_service_has_an_interval_for_all_that_it_held(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(POOL, service("web", "192.0.2.3"))
    proclaim.apply(POOL)
    first, second = shown(proclaim, "web")
    assert (first["addresses"], first["ended"]["code"]) == (["192.0.2.0"], "RequestChanged")
    assert (second["addresses"], second["ended"]["code"]) == (["192.0.2.3"], "Gone")
    lines = proclaim("history", "default/web").out.splitlines()
    assert len(lines) == 3
    assert lines[2].endswith("Gone")
    assert "the Service now asks for 192.0.2.3" in proclaim("history", "web", "-o", "wide").out


def test_what_stays_goes_on_while_something_else_changes(proclaim):
    both = service("web").replace("type:", "ipFamilyPolicy: PreferDualStack, type:")
    proclaim.apply(POOL.replace(', "2001:db8::/64"', ""), both)
    proclaim.apply(POOL, both)
    proclaim.apply(POOL.replace("public", "other"), both)
    (kept,) = shown(proclaim, "192.0.2.0")
    assert (kept["pool"], kept["reason"]["code"], kept["until"]) == ("other", "Free", None)
    alone, together = shown(proclaim, "web")
    assert (alone["ended"]["code"], together["until"]) == ("SecondFamily", None)
    assert together["addresses"] == ["192.0.2.0", "2001:db8::"]


def test_what_never_was_is_an_empty_list_and_a_note(proclaim):
    proclaim.apply(POOL)
    assert shown(proclaim, "192.0.2.1") == []
    assert "nobody ever held 2001:db8::1" in proclaim("history", "2001:DB8:0::1").err


@settings(max_examples=60)
@given(histories)
def test_at_every_position_the_intervals_are_the_holdings(history):
    state, items, states = State(), [], []
    for observation in history:
        decided = decide(state, observation)
        new = number(state, decided.facts, 0.0)
        for item in new:
            state = fold(state, [item])
            states.append(state)
        items += new
    addresses = sorted({text for each in states for text in each.holders})
    services = sorted({ref for each in states for ref in each.holdings})
    for text in addresses:
        found = intervals(items, of_address(text))
        for each in states:
            holders = tuple(ref.short for ref in each.holders.get(text, ()))
            assert tuple(sorted(lasting(found, each.position))) == holders
    for ref in services:
        found = intervals(items, of_service(ref))
        for each in states:
            assert len(lasting(found, each.position)) == (ref in each.holdings)


def lasting(found, position):
    """The Services whose interval covers a position."""
    return [
        each.service
        for each in found
        if each.since.position <= position
        and (each.until is None or position < each.until.position)
    ]


def test_who_claimed_an_address_in_vain_is_told(proclaim):
    claims = service("web") + "status: {loadBalancer: {ingress: [{ip: 203.0.113.7}]}}\n"
    proclaim.apply(POOL, claims)
    (web,) = shown(proclaim, "web")
    assert web["reason"] == {
        "code": "Free",
        "message": "lowest address of pool public that was never given before; its status claimed "
        "203.0.113.7, which no pool contains",
        "pool": "public",
        "addresses": ["203.0.113.7"],
    }
    assert proclaim("history", "203.0.113.7").err == (
        "proclaim: nobody ever held 203.0.113.7; the status of default/web claimed it in vain, as "
        "no pool contained it\n"
    )


def test_a_name_that_no_fact_speaks_of_is_an_error(proclaim):
    proclaim.apply(POOL, service("mail", "198.51.100.1"))
    ran = proclaim("history", "mail")
    assert shown(proclaim, "mail") == []
    assert (ran.status, ran.err) == (0, "proclaim: Service default/mail never held an address\n")
    ran = proclaim("history", "nosuch")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error: there is no Service default/nosuch\nhint: ")
    proclaim.apply(POOL)
    assert proclaim("history", "mail").status == 0
    assert proclaim("history", "192.0.2.9").err == "proclaim: nobody ever held 192.0.2.9\n"
