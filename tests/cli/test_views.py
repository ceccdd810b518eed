"""What people read, beside what they read before: `PROCLAIM_UPDATE_GOLDEN=1` rewrites it."""

import logging
import os
from pathlib import Path

import pytest
from cli.running import ADVERTISED, ANSWERED, POOL, service
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.decide import decide
from proclaim.events import Recorded, TaskFailed
from proclaim.ledger import decode, record_now, replay
from proclaim.log import MemoryLog, rows
from proclaim.manifests import read_documents
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    InterfaceStatus,
    Listing,
    NodeReachability,
    PeerStatus,
    PluginFailed,
    Sourced,
    service_ref,
)
from proclaim.reach import View
from proclaim.statuses import statuses as every_status
from proclaim_cli.options import Output
from proclaim_cli.records import OneLine
from proclaim_cli.values import resources
from proclaim_cli.values.changes import changes, decisions
from proclaim_cli.values.explained import service_explained
from proclaim_cli.values.facts import Remembered, row
from proclaim_cli.values.names import service_named
from proclaim_cli.values.replayed import Replay
from proclaim_cli.values.sessions import reached
from proclaim_cli.values.whereabouts import AddressExplained
from proclaim_cli.views import resources as tables
from proclaim_cli.views import statuses
from proclaim_cli.views.changes import changes_text
from proclaim_cli.views.explained import address_text, service_text
from proclaim_cli.views.facts import oneline, paragraph
from proclaim_cli.views.replayed import step_text
from proclaim_cli.views.structured import show

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
CODEC = Codec(KINDS)
ALLOCATE = Authorized(Authority.ALLOCATE)
NODES = ["node-a", "node-b"]

FIRST = (
    POOL,
    ADVERTISED,
    ANSWERED,
    service("web"),
    service("mail", "198.51.100.1"),
    service("inside").replace("LoadBalancer", "ClusterIP"),
    "apiVersion: v1\nkind: Node\nmetadata: {name: node-a, labels: {rack: r1}}\n"
    "status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}\n",
    "apiVersion: v1\nkind: Node\nmetadata: {name: node-b, labels: {rack: r2}}\n",
)
THEN = (*FIRST[:3], service("web", "192.0.2.3"), service("chat", namespace="shop"), *FIRST[6:])


def listing(documents):
    read = read_documents("---\n".join(documents), "all.yaml")
    assert not read.problems
    return Listing("files", read.resources)


@pytest.fixture(scope="module")
def log():
    """A ledger whose every second is known."""
    made = MemoryLog()
    seen = [
        listing(FIRST),
        ALLOCATE,
        Change("bgp", (Sourced(PeerStatus("node-a", "tor", "203.0.113.1", "Connect")),)),
        Change("bgp", (Sourced(PeerStatus("node-a", "tor", "203.0.113.1", "Established", 3, 1)),)),
        Change("bgp", (Sourced(PeerStatus("node-a", "tor", "203.0.113.1", "Established", 4, 1)),)),
        Change(
            "l2",
            (
                Sourced(InterfaceStatus("node-a", "eth0", 2, "02:00:00:00:00:01", True)),
                Sourced(InterfaceStatus("node-a", "lo", 1, "", False, "it is a loopback")),
            ),
        ),
        Change("heartbeat", (Sourced(NodeReachability("node-b", False)),)),
        PluginFailed("announcer l2", "OSError: no buffer space"),
        listing(THEN),
    ]
    for at, observation in enumerate(seen):
        state = replay(made, CODEC)
        time = 1_000_000_000.0 + 60 * at
        record_now(made, CODEC, state, decide(state, observation, time), time)
    return made


def alike(name, text):
    """Compare with what is kept; rewrite it when asked to."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("PROCLAIM_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    "what", ["services", "pools", "announcements", "peers", "nodes", "interfaces", "statuses"]
)
def test_the_tables_of_get(log, what, wide):
    state = replay(log, CODEC)
    found = {
        "services": lambda: resources.services(state),
        "pools": lambda: resources.pools(state),
        "announcements": lambda: resources.announcements(state, NODES),
        "peers": lambda: resources.peers(state, reached(log, CODEC, state)),
        "nodes": lambda: resources.nodes(state, "node-a"),
        "interfaces": lambda: resources.interfaces(state),
        "statuses": lambda: every_status(state, NODES),
    }[what]()
    view = getattr(statuses if what == "statuses" else tables, f"{what}_table")
    alike(f"get-{what}{'-wide' if wide else ''}", view(found, wide))


def test_a_session_is_as_old_as_its_state_and_not_as_its_last_report(log):
    state = replay(log, CODEC)
    (peer,) = resources.peers(state, reached(log, CODEC, state))
    assert peer.since.time == "2001-09-09T01:49:40.000000Z"


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_values_for_scripts(log, output, capsys):
    state = replay(log, CODEC)
    assert show(resources.services(state), output)
    assert show(resources.announcements(state, NODES), output)
    assert show(resources.peers(state, {}), output)
    alike(f"get-{output}", capsys.readouterr().out)


@pytest.mark.parametrize("wide", [False, True])
def test_a_difference(log, wide):
    state = replay(log, CODEC)
    made = decisions(state, [listing(FIRST)])
    alike(
        f"changes{'-wide' if wide else ''}",
        changes_text(changes(View(state, NODES), made, View(made.state, NODES)), wide),
    )


def test_explanations(log):
    early, late = replay(log, CODEC, 15), replay(log, CODEC)
    said = [
        service_text(service_explained(state, service_named(name), NODES))
        for state in (early, late)
        for name in ("web", "mail", "inside", "shop/chat", "nosuch")
    ]
    web = service_explained(late, service_named("web"), NODES)
    said.append(address_text(AddressExplained("192.0.2.3", "public", (web,))))
    alike("explain", "\n".join(said))


def test_facts(log):
    items = decode(CODEC, list(rows(log)))
    alike("log-oneline", "".join(oneline(row(item, CODEC, None)) for item in items))
    remembered = Remembered()
    alike("log-patch", "".join(paragraph(row(item, CODEC, remembered)) for item in items))


def test_a_replay(log):
    steps = Replay(NODES).steps(decode(CODEC, list(rows(log))))
    alike("replay", "".join(step_text(step) for step in steps))


def test_what_a_stranger_said_commands_no_terminal(log):
    state = decide(
        replay(log, CODEC),
        Change("bgp", (Sourced(PeerStatus("n", "p", last_error="\x1b[2Jbye\n")),)),
    ).state
    assert "?[2Jbye?" in tables.peers_table(resources.peers(state, {}), False)
    failed = Recorded(1, 0.0, 1, TaskFailed("announcer", "a\nb\x1b[2J"))
    assert oneline(row(failed, CODEC, None)).endswith(" announcer failed: a?b?[2J\n")


def test_where_no_interface_is_usable_an_explanation_says_why_each_is_not():
    made = MemoryLog()
    down = InterfaceStatus("node-a", "eth0", 2, "", False, "it is down\x1b[2J")
    for at, seen in enumerate([listing(FIRST), ALLOCATE, Change("l2", (Sourced(down),))]):
        state = replay(made, CODEC)
        record_now(made, CODEC, state, decide(state, seen, float(at)), float(at))
    explained = service_explained(replay(made, CODEC), service_ref("default", "web"), ["node-a"])
    assert "\n    eth0: not usable: it is down?[2J\n" in service_text(explained)


def test_a_log_record_commands_no_terminal():
    record = logging.makeLogRecord(
        {"name": "proclaim.x", "msg": "a\n\x1b[2Jb", "levelname": "INFO"}
    )
    assert OneLine().format(record).endswith(" INFO x: a ?[2Jb")
