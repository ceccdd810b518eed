"""The settings files that are rendered: the program takes them, and they say what was asked for."""

from dataclasses import replace
from itertools import combinations

import pytest
from deploy.rendering import COMPONENTS, EVERYTHING, base, chart, composed, overlay, written
from proclaim.model import Authority
from proclaim.settings import read_settings
from proclaim_bgp.options import read_options as read_bgp
from proclaim_k8s_source.options import Role, read_options
from proclaim_l2_arp.options import read_options as read_l2
from proclaim_metrics.options import read_options as read_metrics

KEY = "/etc/proclaim-heartbeat/secretkey"
WAYS = pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])


@pytest.fixture
def read(tmp_path):
    """Read the settings of a component, as `proclaim run` does, with a key that is there."""

    def reading(rendered, component):
        key = tmp_path / "key"
        key.write_text("k", encoding="utf-8")
        folder = written(
            rendered, component, tmp_path / f"{component}-{len(list(tmp_path.iterdir()))}"
        )
        for file in folder.iterdir():
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(KEY, str(key)), encoding="utf-8")
        return replace(read_settings(str(folder)), path="")

    return reading


@WAYS
def test_the_controller_gives_addresses_and_announces_none(rendered, read):
    found = read(rendered(), "controller")
    assert found.authority is Authority.ALLOCATE
    assert read_options(found).role is Role.CONTROLLER
    assert not read_bgp(found).enabled
    assert not read_l2(found).enabled
    metrics = read_metrics(found)
    assert str(metrics.listen) == "0.0.0.0:9120"
    assert str(metrics.health_listen) == "0.0.0.0:17472"
    assert found.unread() == []


@WAYS
def test_a_node_follows_and_announces_both_ways(rendered, read):
    found = read(rendered(), "node")
    assert found.authority is Authority.FOLLOW
    assert read_options(found).role is Role.NODE
    assert read_bgp(found).enabled
    assert read_l2(found).enabled
    metrics = read_metrics(found)
    assert str(metrics.listen) == "0.0.0.0:9120"
    assert str(metrics.health_listen) == "127.0.0.1:17472"
    assert found.unread() == []


def test_values_end_up_in_the_settings(read):
    rendered = chart(*EVERYTHING)
    controller, node = read(rendered, "controller"), read(rendered, "node")
    assert controller.load_balancer_class == node.load_balancer_class == "example.net/proclaim"
    assert read_options(controller).webhook.port == 9443
    assert read_options(node).ignore_exclude_lb
    assert read_bgp(node).listen == (("0.0.0.0", 179),)
    assert [each.pattern for each in read_l2(node).excluded] == ["^lo$"]


def test_further_lines_go_into_their_tables(read):
    rendered = chart(
        "node.settings.k8s_source=page_size = 7",
        "node.settings.l2_arp\\.heartbeat=interval_ms = 100",
        "controller.settings.k8s_source=burst = 9",
        "controller.settings.mine=a = 1",
    )
    controller, node = read(rendered, "controller"), read(rendered, "node")
    assert read_options(node).page_size == 7
    assert read_l2(node).heartbeat.interval == 0.1
    assert read_options(controller).burst == 9
    assert controller.section("mine") == {"a": 1}


def test_the_values_of_a_speaker_are_those_of_a_node(read):
    rendered = chart("speaker.ignoreExcludeLB=true", "speaker.excludeInterfaces.enabled=false")
    found = read(rendered, "node")
    assert read_options(found).ignore_exclude_lb
    assert [each.pattern for each in read_l2(found).excluded] == ["^lo$"]


def test_a_component_adds_one_table_to_the_settings(tmp_path, read):
    signed = read(composed(tmp_path / "signed", "heartbeat-key"), "node")
    assert read_l2(signed).heartbeat.key == b"k"
    heartbeat = signed.section("l2_arp")["heartbeat"]
    before = read(base(), "node")
    assert signed.sections == {**before.sections, "l2_arp": {"heartbeat": heartbeat}}
    controller = read(overlay("webhook"), "controller")
    assert read_options(controller).webhook.port == 9443
    source = dict(controller.section("k8s_source"))
    del source["webhook"]
    assert {**controller.sections, "k8s_source": source} == read(base(), "controller").sections


MINE = {
    "node/mine.toml": """
load_balancer_class = "example.net/lb"
[k8s_source]
page_size = 7
[bgp]
listen = ["0.0.0.0:179"]
[l2_arp]
exclude_interfaces = ["^mine$"]
[l2_arp.heartbeat]
port = 7
""",
    "controller/mine.toml": """
load_balancer_class = "example.net/lb"
[k8s_source]
page_size = 9
[k8s_source.webhook]
listen = "[::]:9444"
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("components", [*combinations(COMPONENTS, 2)], ids="+".join)
def test_no_two_components_cost_a_line_of_ones_own(tmp_path, read, components):
    rendered = composed(tmp_path / "overlay", *components, files=MINE)
    node, controller = read(rendered, "node"), read(rendered, "controller")
    assert node.load_balancer_class == controller.load_balancer_class == "example.net/lb"
    assert (read_options(node).role, read_options(node).page_size) == (Role.NODE, 7)
    assert read_bgp(node).listen == (("0.0.0.0", 179),)
    found = read_l2(node)
    assert [each.pattern for each in found.excluded] == ["^mine$"]
    assert found.heartbeat.port == 7
    assert found.heartbeat.key == (b"k" if "heartbeat-key" in components else b"")
    assert read_metrics(node).listen == read_metrics(controller).listen
    assert controller.section("k8s_source")["page_size"] == 9
    answering = controller.section("k8s_source")["webhook"]
    assert answering["listen"] == "[::]:9444"
    assert ("certificate" in answering) == ("webhook" in components)


REPLACED = """
authority = "follow"
[k8s_source]
role = "node"
page_size = 7
"""


@pytest.mark.slow
@pytest.mark.parametrize("component", COMPONENTS)
def test_no_component_replaces_the_file_that_one_replaces(tmp_path, read, component):
    files = {"node/node.toml": REPLACED}
    node = read(composed(tmp_path / "overlay", component, files=files), "node")
    assert node.section("k8s_source") == {"role": "node", "page_size": 7}
    assert node.section("metrics") == {}
    assert read_l2(node).heartbeat.key == (b"k" if component == "heartbeat-key" else b"")
