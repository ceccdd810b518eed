"""The settings files that are rendered: the program takes them, and they say what was asked for."""

import tomllib

import pytest
from deploy.rendering import EVERYTHING, base, chart, composed, overlay, settings
from proclaim.model import Authority
from proclaim.settings import read_settings
from proclaim_bgp.options import read_options as read_bgp
from proclaim_k8s_source.options import Role, read_options
from proclaim_l2_arp.options import read_options as read_l2
from proclaim_metrics.options import read_options as read_metrics

WAYS = pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])


@pytest.fixture
def read(tmp_path):
    """Read the settings of a component, as `proclaim run` does, with a key that is there."""

    def reading(rendered, component):
        key = tmp_path / "key"
        key.write_text("k", encoding="utf-8")
        file = tmp_path / f"{component}.toml"
        text = settings(rendered, component).replace("/etc/proclaim-heartbeat/secretkey", str(key))
        file.write_text(text, encoding="utf-8")
        return read_settings(str(file))

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


def test_a_component_changes_one_table_of_the_settings(tmp_path):
    def tables(rendered, component):
        return tomllib.loads(settings(rendered, component))

    key = {"heartbeat": {"key_file": "/etc/proclaim-heartbeat/secretkey"}}
    signed = composed(tmp_path, "heartbeat-key")
    assert tables(signed, "node") == {**tables(base(), "node"), "l2_arp": key}
    webhook = {
        "listen": "0.0.0.0:9443",
        "certificate": "/etc/proclaim-webhook/tls.crt",
        "key": "/etc/proclaim-webhook/tls.key",
    }
    expected = tables(base(), "controller")
    expected["k8s_source"]["webhook"] = webhook
    assert tables(overlay("webhook"), "controller") == expected
