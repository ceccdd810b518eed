"""A service on the LAN itself: one elected node answers, and another takes over when it goes."""

from functools import partial

import pytest
from integration.lab.running import START, election_order, service, start_nodes
from integration.lab.sniffer import Sniffer
from netlab.laboratory import laboratory
from netlab.processes import CommandFailed
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
DOOR = ("192.0.2.240", "2001:db8:77::f5")
"""Two addresses for which different nodes are elected."""
ADDRESSES = pytest.mark.parametrize("address", DOOR, ids=["arp", "ndp"])
STAY_SILENT = 1.0


def answered_by(lab, address, node):
    """Whether a neighbour on the LAN is answered by this node, whatever it remembers."""
    return lab.fetch(address, by=lab.topology.local) == node


def sniffing(lab, stack):
    """A sniffer at the neighbour on the LAN."""
    return Sniffer(stack, lab.topology.local, "eth0", lab.directory / "sniffer.log")


def add_doors(lab):
    """Write a service for each address."""
    for number, address in enumerate(DOOR):
        lab.write(f"door{number}.yaml", service(f"door{number}", address=address))


def stand(lab, stack):
    """Start both nodes with the services on the LAN; returns the sniffer on the LAN."""
    sniffer = sniffing(lab, stack)
    add_doors(lab)
    start_nodes(lab, stack)
    for address in DOOR:
        elected = election_order(address)[0]
        eventually(
            f"{elected} answers for {address}",
            partial(answered_by, lab, address, elected),
            within=START,
        )
    return sniffer


def claimed(lab, sniffer, address, node, since):
    """Gratuitous frames that say that a node has an address, since a moment."""
    mac = lab.topology.mac(node)
    return [frame for frame in sniffer.claims(address, since) if frame["mac"] == mac]


def taken_over(lab, sniffer, stopwatch, address, *, within):
    """Wait until the second node claims an address and answers, also to those behind the router."""
    second = election_order(address)[1]
    claims = partial(claimed, lab, sniffer, address, second, stopwatch.started)
    stopwatch.lap(f"{address} is claimed anew", claims, within)
    stopwatch.note(f"{address}: the frame itself", claims()[0]["at"] - stopwatch.started)
    stopwatch.lap(f"{address} answers anew", partial(answered_by, lab, address, second), within)
    assert lab.fetch(address, by=lab.topology.client) == second


@ADDRESSES
def test_a_neighbour_resolves_a_service_to_the_elected_node_alone(address, stopwatch):
    elected = election_order(address)[0]
    with laboratory() as (lab, stack):
        sniffer = sniffing(lab, stack)
        start_nodes(lab, stack)
        stopwatch.start()
        add_doors(lab)
        stopwatch.lap(f"{address} answers", partial(answered_by, lab, address, elected), 2.0)
        lab.topology.local.ip("neighbour flush dev eth0")
        assert answered_by(lab, address, elected), "it has asked again"
        mac = lab.topology.mac(elected)
        eventually("the answer is seen", lambda: mac in sniffer.answers(address), within=START)
        assert sniffer.claimants(address) == {mac}
        assert lab.fetch(address, by=lab.topology.client) == elected


def test_both_addresses_of_a_dual_stack_service_are_on_the_node_that_the_first_one_elects():
    elected = election_order(DOOR[0])[0]
    with laboratory() as (lab, stack):
        sniffer = sniffing(lab, stack)
        lab.add_service("door")
        start_nodes(lab, stack)
        for address in DOOR:
            answers = partial(answered_by, lab, address, elected)
            eventually(f"{elected} answers for {address}", answers, within=START)
            assert sniffer.claimants(address) <= {lab.topology.mac(elected)}


@ADDRESSES
def test_when_the_elected_node_stops_the_other_takes_over_at_once(address, stopwatch):
    with laboratory() as (lab, stack):
        sniffer = stand(lab, stack)
        elected = election_order(address)[0]
        stopwatch.start()
        lab.nodes[elected].process.signal_end()
        taken_over(lab, sniffer, stopwatch, address, within=2.0)


@ADDRESSES
def test_when_the_elected_node_is_killed_the_other_takes_over_and_gives_back(address, stopwatch):
    with laboratory() as (lab, stack):
        sniffer = stand(lab, stack)
        elected = election_order(address)[0]
        stopwatch.start()
        lab.nodes[elected].process.kill()
        taken_over(lab, sniffer, stopwatch, address, within=3.5)
        stopwatch.start()
        lab.nodes[elected].start(stack)
        stopwatch.lap(
            f"{address} is back", partial(answered_by, lab, address, elected), within=START
        )


@ADDRESSES
def test_a_node_that_stands_still_is_replaced_and_has_its_address_back_when_it_goes_on(
    address, stopwatch
):
    with laboratory() as (lab, stack):
        sniffer = stand(lab, stack)
        elected = election_order(address)[0]
        stopwatch.start()
        lab.nodes[elected].process.suspend()
        taken_over(lab, sniffer, stopwatch, address, within=3.5)
        woke = stopwatch.start()
        lab.nodes[elected].process.resume()
        stopwatch.lap(
            f"{address} is back", partial(answered_by, lab, address, elected), within=START
        )
        assert lab.fetch(address, by=lab.topology.client) == elected
        mac = lab.topology.mac(elected)
        claimed_last = partial(_claimed_last, sniffer, address, mac, woke)
        eventually("it has claimed it last", claimed_last, within=START)


def _claimed_last(sniffer, address, mac, since):
    return [frame["mac"] for frame in sniffer.claims(address, since)][-1:] == [mac]


@ADDRESSES
def test_an_advertisement_for_one_interface_is_kept_off_the_others(address):
    with laboratory() as (lab, stack):
        stand(lab, stack)
        elected = election_order(address)[0]
        resolve = partial(_resolved, lab, address)
        mac = lab.topology.mac(elected, "eth0")
        eventually("the interface answers", lambda: resolve("eth0") == mac, within=START)
        assert resolve("eth1") == ""
        text = (lab.manifests / "advertisements.yaml").read_text("utf-8")
        lab.write("advertisements.yaml", text.replace("- eth0", "- eth1"))
        mac = lab.topology.mac(elected, "eth1")
        eventually("the other interface answers", lambda: resolve("eth1") == mac, within=START)
        assert resolve("eth0") == ""


def _resolved(lab, address, interface):
    """The MAC address that an address resolves to on one interface; empty when nobody answers."""
    local = lab.topology.local
    if ":" in address:
        command = ("ndisc6", "-1", "-q", "-r", "2", "-w", "500", address, interface)
    else:
        command = ("arping", "-f", "-c", "2", "-w", "1", "-I", interface, address)
    try:
        said = local.run(*command)
    except CommandFailed:
        return ""
    found = [word.strip("[]").lower() for word in said.split() if word.count(":") == 5]
    return found[0] if found else ""
