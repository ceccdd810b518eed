"""One look at a cluster: what it says besides, and that it does not wait in vain."""

from __future__ import annotations

import pytest
import trio
from apiserver import ApiServer, Faults, objects
from k8s_source.scene import GROUND, NAMESPACE, Host
from proclaim import ProclaimError, SettingsError
from proclaim_k8s_source.access import Access
from proclaim_k8s_source.look import Where, look, look_through

ACCESS = Access("https://lab:6443", "a test")
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: lab
clusters: [{{name: lab, cluster: {{server: "https://127.0.0.1:1"{more}}}}}]
contexts: [{{name: lab, context: {{cluster: lab, user: me}}}}]
users: [{{name: me, user: {{token: planted-secret}}}}]
"""


@pytest.fixture
def server(autojump_clock):
    found = ApiServer()
    found.create_all(GROUND)
    return found


async def looked(server, namespace=NAMESPACE, **connection):
    """The look, which is over long before somebody loses patience."""
    with trio.fail_after(5):
        return await look_through(
            server.connect(**connection), Host("desk", 0), ACCESS, namespace=namespace
        )


async def refused(server, **connection):
    with pytest.raises(ProclaimError) as found:
        await looked(server, **connection)
    return found.value


async def test_it_says_where_it_looked_and_how_many_pools_there_are(server):
    look = await looked(server)
    assert look.remarks == (
        "looked at https://lab:6443, namespace metallb-system: 1 IPAddressPool",
    )
    assert {"public", "n1"} <= {each.resource.ref.name for each in look.listing.resources}
    server.create_all(objects.pool(f"p{at}", f"198.51.100.{at}/32") for at in range(3))
    assert (await looked(server)).remarks[0].endswith("namespace metallb-system: 4 IPAddressPools")


async def test_it_says_when_a_namespace_has_nothing_at_all(server):
    look = await looked(server, "default")
    assert look.remarks == (
        "looked at https://lab:6443, namespace default: "
        "it has no resource of metallb.io at all; is --namespace right?",
    )
    server.create(objects.bgp_peer("tor", "10.0.0.254", namespace="default"))
    assert (await looked(server, "default")).remarks[0].endswith("default: 0 IPAddressPools")


async def test_credentials_that_are_not_accepted_end_it_at_once(server):
    error = await refused(server, user=None)
    assert "https://lab:6443 does not accept who asks: GET /api/v1/services: 401" in error.message
    assert "--kubeconfig and --context" in error.hint


async def test_rights_that_are_missing_end_it_at_once_and_are_all_named(server):
    taken = ("services", "ipaddresspools")
    server.machinery.authorize = lambda access: access.resource not in taken
    error = await refused(server)
    assert "https://lab:6443 forbids to list services, ipaddresspools: GET /api" in error.message
    assert "the right that is missing: list services, ipaddresspools;" in error.hint
    assert "--kubeconfig and --context" in error.hint


async def test_metallb_that_runs_is_a_remark_that_says_when_to_stop_it(server):
    labels = {"app": "metallb", "component": "controller"}
    server.create(objects.pod("controller-1", labels=labels, namespace=NAMESPACE))
    assert (await looked(server)).remarks[1].endswith("has to be stopped before Proclaim starts")


async def test_pods_that_may_not_be_seen_are_a_remark(server):
    server.machinery.authorize = lambda access: access.resource != "pods"
    look = await looked(server)
    assert look.remarks[1].startswith("whether MetalLB runs cannot be seen: GET /api/v1/namesp")


async def test_a_server_that_is_not_there_leads_to_the_choice_of_another(server):
    error = await refused(server, faults=Faults(refused=1.0, timeouts=0.0))
    assert error.hint == "--kubeconfig and --context say which cluster; is it running?"


@pytest.mark.parametrize(
    ("text", "where", "said", "hint"),
    [
        ("{", {}, "is not YAML", "name another one with --kubeconfig, or another --context"),
        (
            KUBECONFIG.format(more=", certificate-authority: /nowhere/ca.crt"),
            {},
            "config: clusters[lab].cluster.certificate-authority: /nowhere/ca.crt: cannot be read: "
            "No such file or directory",
            "a PEM file that is there, or put its text in base64 under certificate-authority-data",
        ),
        (KUBECONFIG.format(more=""), {"context": "other"}, "other", "--context"),
        (None, {}, "there is no such kubeconfig", "--kubeconfig"),
    ],
)
def test_a_kubeconfig_that_is_no_use_leads_to_the_choice_of_another(
    tmp_path, text, where, said, hint
):
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as found:
        look(Where(kubeconfig=str(path), **where), 5)
    assert said in found.value.message
    assert hint in found.value.hint
    assert "--settings" not in found.value.hint


def test_nothing_that_listens_ends_it_at_once(tmp_path):
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.format(more=""), encoding="utf-8")
    with pytest.raises(ProclaimError, match="connection refused") as found:
        look(Where(kubeconfig=str(path)), 5)
    assert "is it running?" in found.value.hint
