"""The laboratory itself: it must be neutral to prove anything, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from functools import partial
from pathlib import Path

import pytest
from integration.lab.leftovers import children, leftovers
from integration.lab.sniffer import Sniffer
from netlab import topology
from netlab.laboratory import EXAMPLE, laboratory
from netlab.processes import CommandFailed
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
ROUTERS = pytest.mark.parametrize("router", ["frr", "bird"])


class Spoiled(Exception):
    """What goes wrong on purpose."""


@ROUTERS
def test_a_laboratory_that_fails_in_the_middle_leaves_nothing_and_shows_its_logs(router):
    before = children()
    stood = []

    def fail():
        with laboratory(router) as (lab, _):
            stood.append(lab)
            assert leftovers(lab.topology.run, lab.directory)
            assert children() > before
            raise Spoiled

    with pytest.raises(Spoiled) as failure:
        fail()
    assert leftovers(stood[0].topology.run, stood[0].directory) == []
    assert children() == before
    assert {"frr": "bgpd.log", "bird": "bird.log"}[router] in failure.value.__notes__[0]


def test_a_laboratory_that_cannot_be_built_leaves_nothing(monkeypatch, tmp_path):
    runs = []

    def fail(wiring, name, number):
        runs.append(wiring.run)
        raise CommandFailed("on purpose")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(topology, "_node", fail)
    with pytest.raises(CommandFailed, match="on purpose"), laboratory("bird"):
        pytest.fail("it was built")
    assert list(tmp_path.iterdir()) == []
    assert leftovers(runs[0]) == []


def test_two_laboratories_stand_side_by_side():
    with laboratory() as (one, _), laboratory() as (other, _):
        for lab in (one, other):
            answer = partial(lab.fetch, "192.0.2.12", by=lab.topology.client)
            eventually("node2 answers under its own address", answer, within=5)
            assert answer() == "node2"


def test_the_kernel_of_a_node_serves_a_service_address_but_never_claims_it():
    """Otherwise an answer to ARP in the other tests would prove nothing."""
    with laboratory() as (lab, stack):
        wiring = lab.topology
        sniffer = Sniffer(stack, wiring.local, "eth0", lab.directory / "sniffer.log")
        for address in ("192.0.2.240", "2001:db8:77::f0"):
            with pytest.raises(CommandFailed):
                lab.fetch(address, by=wiring.local)
            assert sniffer.claimants(address) == set()
            assert any(frame["address"] == address for frame in sniffer.frames()), "nobody asked"
        wiring.router.ip("route add 203.0.113.9 via 192.0.2.11")
        wiring.router.ip("route add 2001:db8:f::9 via 2001:db8:77::12")
        assert lab.fetch("203.0.113.9", by=wiring.client) == "node1"
        assert lab.fetch("2001:db8:f::9", by=wiring.client) == "node2"


@ROUTERS
def test_the_example_is_built_shown_and_removed_by_one_script(router):
    name = f"lab-{uuid.uuid4().hex[:6]}"
    directory = Path("/run", f"proclaim-{name}")

    def script(*arguments):
        command = [sys.executable, str(EXAMPLE / "lab.py"), "--name", name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    try:
        built = script("up", "--router", router)
        assert (built.returncode, built.stderr) == (0, "")
        assert script("up").returncode == 1, "it stood already"
        shown = script("status").stdout
        assert "203.0.113.10/32      via 192.0.2.11, 192.0.2.12" in shown
        assert "node1 runs" in shown
        assert "default/door" in shown
        assert script("start", "node1").stderr == "lab: node1 runs already\n"
        question, said = {
            "frr": (("show", "bgp", "summary"), "192.0.2.11"),
            "bird": (("show", "protocols"), "node1_v4"),
        }[router]
        assert said in script("router", *question).stdout
        pid = int((directory / "node1/pid").read_text("utf-8"))
        os.kill(pid, signal.SIGKILL)
        shown = script("status").stdout
        assert "node1 does not run\n\nnode2 runs" in shown, "nothing is said for it"
    finally:
        removed = script("down")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert leftovers(name, directory) == []
    assert script("down").returncode == 0, "there was nothing to remove"
