"""Who takes part for a cluster, by the settings; and who this process is in its Lease."""

from __future__ import annotations

from random import Random

import pytest
from proclaim import Authority, Settings, SettingsError, SystemHost
from proclaim_k8s_source.members import identity
from proclaim_k8s_source.plugin import proclaim_electors, proclaim_reporters, proclaim_sources

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: lab, context: {cluster: lab, user: me}}]
users: [{name: me, user: {token: planted-secret}}]
"""


def members(host=None, authority=Authority.ALLOCATE, **table):
    silent = {"enabled": False}  # no controller is one that announces
    sections = {"k8s_source": table, "bgp": silent, "l2_arp": silent}
    settings = Settings(authority=authority, sections=sections)
    host = host or SystemHost("n1")
    return [
        [each.name for each in hook(settings=settings, host=host)]
        for hook in (proclaim_sources, proclaim_reporters, proclaim_electors)
    ]


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "config"
    path.write_text(KUBECONFIG, encoding="utf-8")
    return str(path)


def test_nobody_who_did_not_ask_for_it_hears_of_it():
    host = SystemHost()
    for hook in (proclaim_sources, proclaim_reporters, proclaim_electors):
        assert list(hook(settings=Settings(), host=host)) == []
    assert members(enabled=False) == [[], [], []]


@pytest.mark.parametrize(
    ("role", "authority", "reporters", "electors"),
    [
        ("controller", Authority.ALLOCATE, ["kubernetes-controller"], ["lease"]),
        ("node", Authority.FOLLOW, ["kubernetes-node"], []),
        ("both", Authority.ALLOCATE, ["kubernetes-controller", "kubernetes-node"], ["lease"]),
    ],
)
def test_the_role_says_who_takes_part(kubeconfig, role, authority, reporters, electors):
    found = members(authority=authority, role=role, kubeconfig=kubeconfig)
    assert found == [["kubernetes"], reporters, electors]


def test_a_webhook_is_served_where_it_is_asked_for(kubeconfig):
    webhook = {"certificate": "/c", "key": "/k"}
    _, reporters, _ = members(role="controller", kubeconfig=kubeconfig, webhook=webhook)
    assert reporters == ["kubernetes-controller", "webhook"]


def test_without_a_server_to_be_found_the_start_says_what_was_looked_for(tmp_path):
    with pytest.raises(SettingsError, match="nowhere: there is no such kubeconfig"):
        members(kubeconfig=str(tmp_path / "nowhere"))


class Dice:
    def __init__(self, seed):
        self.random = Random(seed)


def test_the_identity_is_the_same_after_a_restart_and_another_one_for_another_ledger():
    one = identity("n1", "sqlite:///var/lib/proclaim/ledger.db", Dice(1))
    assert one == identity("n1", "sqlite:///var/lib/proclaim/ledger.db", Dice(2))
    assert one != identity("n1", "sqlite:///var/lib/proclaim/other.db", Dice(1))
    assert one.startswith("n1_")


def test_the_identity_does_not_depend_on_how_a_ledger_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = identity("n1", "sqlite:a.db", Dice(1))
    monkeypatch.chdir("/")
    assert relative != identity("n1", "sqlite:a.db", Dice(1))


def test_who_keeps_nothing_is_somebody_else_each_time():
    assert identity("n1", "memory:", Dice(1)) != identity("n1", "memory:", Dice(2))
