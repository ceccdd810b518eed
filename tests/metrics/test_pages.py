"""The reference, the dashboard and the alerts speak of metrics that exist, and of all of them."""

import json
import re
from pathlib import Path

import pytest
import yaml
from metrics.worlds import NODE, World, text
from proclaim import Announcement, BGPPeer, Problem, Spread
from proclaim.events import ProblemsReported, TaskFailed, Why
from proclaim.model import BGPAdvertisement, L2Advertisement, NodeReachability
from proclaim.testing import assigned, endpoints, given, node, observed, pool, refused, service
from proclaim_bgp.traffic import Figures, Sessions
from proclaim_bgp.traffic import Traffic as Messages
from proclaim_l2_arp.ownership import packed
from proclaim_l2_arp.traffic import Traffic
from proclaim_metrics.counting import Tally
from proclaim_metrics.exposition import Exposition
from proclaim_metrics.lag import Lag
from prometheus_client import CollectorRegistry

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy/grafana/proclaim.json"
RULES = ROOT / "deploy/prometheus/rules.yaml"
REFERENCE = ROOT / "docs/reference/metrics.md"

TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
LABEL = re.compile(r'([a-z_]+)="')
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (counter|gauge) \| ([^|]*)\| ", re.MULTILINE)
METRIC = re.compile(r"\b(?:metallb|proclaim|process)_[a-z0-9_]+\b")


def everything() -> str:
    """What a node tells that announces by all means."""
    state = given(
        pool("public", "192.0.2.0/28"),
        node(NODE, None, "10.0.0.1"),
        BGPPeer("p", my_asn=64512, peer_asn=64513, peer_address="10.0.0.9"),
        BGPAdvertisement("ads"),
        L2Advertisement("ads"),
        service("a"),
        endpoints("a", NODE),
        assigned("a", "192.0.2.1"),
        service("b", "198.51.100.1"),
        refused("b", Why.ADDRESS_OUTSIDE_POOLS, addresses=("198.51.100.1",)),
        NodeReachability("n2", reachable=True),
        ProblemsReported("files", (Problem(kind="BGPPeer", name="q", problem="no"),)),
    ).state
    world, tally = World(state, *Spread), Tally()
    tally.begin(state)
    world.record(observed(service("c")), TaskFailed("source files", "OSError"))
    tally.count(world.recent)
    world.failures["source files"] += 1
    registry = CollectorRegistry()
    traffic = Traffic()
    traffic.ownership.add([Announcement("192.0.2.1", ("192.0.2.1",), ())])
    for counts in (traffic.requests, traffic.responses, traffic.gratuitous):
        counts[packed("192.0.2.1")] += 1
    registry.register(traffic)
    registry.register(Sessions(lambda: {"10.0.0.9:179": Figures(True, 1, 1, Messages())}))
    return text(Exposition(tally, Lag(), registry).families(world.view))


def exposed() -> dict[str, tuple[str, set[str]]]:
    """The type and the labels of each metric."""
    told = everything()
    return {
        name: (kind, {each for line in lines(told, name) for each in LABEL.findall(line)})
        for name, kind in TYPE.findall(told)
    }


def lines(told: str, name: str) -> list[str]:
    return [line for line in told.splitlines() if re.match(rf"{name}[ {{]", line)]


def test_the_reference_has_every_metric_with_its_type_and_labels_and_no_other():
    page = {
        name: (kind, set(re.findall(r"`([a-z_]+)`", labels)))
        for name, kind, labels in ROW.findall(REFERENCE.read_text(encoding="utf-8"))
    }
    assert page == exposed()


def test_each_metric_is_told_once_and_has_a_sample():
    told = everything()
    names = [name for name, _ in TYPE.findall(told)]
    assert len(names) == len(set(names))
    assert [name for name in names if not lines(told, name)] == []


def rules() -> list[dict]:
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_alerts_are_those_of_metallb_and_one_of_ours():
    assert [rule["alert"] for rule in rules()] == [
        "MetalLBStaleConfig",
        "MetalLBConfigNotLoaded",
        "MetalLBAddressPoolExhausted",
        "MetalLBAddressPoolUsage75Percent",
        "MetalLBAddressPoolUsage85Percent",
        "MetalLBAddressPoolUsage95Percent",
        "MetalLBBGPSessionDown",
        "ProclaimLedgerFailing",
    ]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_is_whole_and_speaks_of_metrics_and_labels_that_exist(rule):
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    known = exposed()
    names = METRIC.findall(rule["expr"])
    assert names
    assert set(names) <= known.keys()
    labels = set.union({"instance"}, *(known[name][1] for name in names))
    assert set(re.findall(r"\$labels\.([a-z_]+)", str(rule["annotations"]))) <= labels


def panels() -> list[dict]:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", ())]


@pytest.mark.parametrize("expression", expressions())
def test_a_panel_asks_for_metrics_and_labels_that_exist(expression):
    known = exposed()
    names = METRIC.findall(expression)
    assert names
    assert set(names) <= known.keys()
    labels = set.union({"job", "instance"}, *(known[name][1] for name in names))
    asked = re.findall(r'([a-z_]+)(?:=~|=)"', expression)
    asked += [each for by in re.findall(r"by \(([^)]*)\)", expression) for each in by.split(", ")]
    assert set(asked) <= labels
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


def test_counters_are_asked_for_their_rates_and_gauges_are_not():
    known = exposed()
    for expression in [*expressions(), *(rule["expr"] for rule in rules())]:
        for name in METRIC.findall(expression):
            rated = re.search(rf"(?:rate|increase)\({name}\b", expression) is not None
            assert rated == (known[name][0] == "counter"), expression


def test_the_dashboard_is_one_that_grafana_loads():
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= board.keys()
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "job"]
    identifiers = [panel["id"] for panel in board["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"]
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references) > 0


def test_every_metric_of_ours_is_on_the_dashboard_or_is_not_worth_a_picture():
    shown = {name for expression in expressions() for name in METRIC.findall(expression)}
    ours = {name for name in exposed() if name.startswith("proclaim_")}
    assert ours - shown == {
        "proclaim_build_info",
        "proclaim_ledger_position",
        "proclaim_resources",
    }
