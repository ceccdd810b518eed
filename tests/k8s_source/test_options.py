"""The table `[k8s_source]`: what it accepts, and how it refuses the rest."""

from __future__ import annotations

import pytest
from proclaim import Authority, Settings, SettingsError
from proclaim_k8s_source.options import Role, WebhookOptions, read_options

SILENT = {"bgp": {"enabled": False}, "l2_arp": {"enabled": False}}
"""No announcer runs, as a controller wants it."""


def read(authority=Authority.ALLOCATE, others=SILENT, **table):
    return read_options(Settings(authority=authority, sections={**others, "k8s_source": table}))


def test_without_the_table_there_is_nothing():
    assert read_options(Settings()) is None
    assert read(enabled=False) is None


def test_the_role_follows_from_the_authority():
    assert read().role is Role.BOTH
    assert read(Authority.FOLLOW).role is Role.NODE
    assert read(role="controller").role is Role.CONTROLLER


def test_everything_that_may_be_said():
    options = read(
        role="controller",
        namespace="lb",
        kubeconfig="/k",
        context="c",
        requests_per_second=20,
        burst=5,
        page_size=10,
        lease_name="l",
        lease_seconds=5,
        identity="me",
        ignore_exclude_lb=True,
        beside_metallb="allow",
        webhook={"listen": "[::]:9443", "certificate": "/c", "key": "/k"},
    )
    assert (options.namespace, options.kubeconfig, options.context) == ("lb", "/k", "c")
    assert (options.requests_per_second, options.burst, options.page_size) == (20, 5, 10)
    assert (options.lease_name, options.lease_seconds, options.identity) == ("l", 5, "me")
    assert options.ignore_exclude_lb
    assert options.beside_metallb
    assert options.webhook == WebhookOptions("::", 9443, "/c", "/k")
    assert options.allocates
    assert not options.announces


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"roll": "node"}, "k8s_source.roll: unknown key; accepted are beside_metallb"),
        ({"role": "speaker"}, "k8s_source.role: 'speaker' is not one of controller, node, both"),
        ({"role": "node"}, 'k8s_source.role: a node follows the controller; set authority = "foll'),
        ({"namespace": "A_b"}, "k8s_source.namespace: 'A_b' is not a name of lower case letters"),
        ({"burst": 0}, "k8s_source.burst: 0 is not between 1 and"),
        ({"burst": True}, "k8s_source.burst: True is not a number"),
        ({"context": 3}, "k8s_source.context: 3 is not a text"),
        ({"enabled": "yes"}, "k8s_source.enabled: 'yes' is not true or false"),
        ({"webhook": 1}, "k8s_source.webhook: a table is expected"),
        ({"webhook": {}}, "k8s_source.webhook.certificate: is missing; the path of a PEM file"),
        ({"webhook": {"port": 1}}, "k8s_source.webhook.port: unknown key; accepted are cert"),
        ({"webhook": {"listen": "x"}}, "k8s_source.webhook.listen: 'x' is not 'address:port'"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_accepted(table, said):
    with pytest.raises(SettingsError) as refused:
        read(**table)
    assert said in refused.value.message


def test_a_controller_does_not_follow():
    with pytest.raises(SettingsError, match='the role both gives addresses; set authority = "allo'):
        read(Authority.FOLLOW, role="both")


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"bgp": {"enabled": False}},
        {**SILENT, "l2_arp": {}},
        {**SILENT, "bgp": {"enabled": True}},
    ],
)
def test_a_controller_has_its_announcers_disabled(others):
    with pytest.raises(SettingsError) as refused:
        read(others=others, role="controller")
    assert refused.value.message == (
        "settings: k8s_source.role: a controller announces nothing; "
        'set enabled = false under [bgp] and [l2_arp], or role = "both"'
    )
    assert read(others=others).role is Role.BOTH
    assert read(Authority.FOLLOW, others=others).role is Role.NODE


def test_a_table_of_an_announcer_counts_as_read_only_by_the_announcer():
    settings = Settings(sections={**SILENT, "k8s_source": {"role": "controller"}})
    read_options(settings)
    assert settings.unread() == ["bgp", "l2_arp"]
