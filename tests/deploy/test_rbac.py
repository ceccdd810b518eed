"""What controller and nodes may do: these rules, and not one more."""

import pytest
from deploy.rendering import NAMESPACE, base, chart, named, of_kind

READ = {"get", "list", "watch"}
WATCHED = (
    "bfdprofiles",
    "bgpadvertisements",
    "bgppeers",
    "communities",
    "configurationstates",
    "ipaddresspools",
    "l2advertisements",
)


def granted(group, verbs, *resources, names=()):
    return {(group, each, verb, names) for each in resources for verb in verbs}


def lease(name):
    return granted("coordination.k8s.io", {"get", "update"}, "leases", names=(name,))


EVERYWHERE = {
    *granted("", READ, "services", "nodes", "namespaces"),
    *granted("", {"create"}, "events"),
}
AT_HOME = {
    *granted("metallb.io", READ, *WATCHED),
    *granted("", {"list"}, "pods"),
}
CLUSTER = {
    "controller": {*EVERYWHERE, *granted("", {"patch"}, "services/status")},
    "node": {*EVERYWHERE, *granted("discovery.k8s.io", READ, "endpointslices")},
}
NAMESPACED = {
    "controller": {
        *AT_HOME,
        *granted("metallb.io", {"patch"}, "ipaddresspools/status", "configurationstates/status"),
        *granted("metallb.io", {"create"}, "configurationstates"),
        *granted("coordination.k8s.io", {"create"}, "leases"),
        *granted(
            "coordination.k8s.io", {"get", "update"}, "leases", names=("proclaim-controller",)
        ),
    },
    "node": {
        *AT_HOME,
        *(
            each
            for kind in ("configurationstates", "servicebgpstatuses", "servicel2statuses")
            for each in (
                *granted("metallb.io", {"create"}, kind),
                *granted("metallb.io", {"patch"}, f"{kind}/status"),
            )
        ),
        *granted("metallb.io", {*READ, "delete"}, "servicebgpstatuses", "servicel2statuses"),
        *granted("", READ, "secrets"),
    },
}
WAYS = pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])
COMPONENTS = pytest.mark.parametrize("component", ["controller", "node"])


def rules(role):
    return {
        (group, resource, verb, tuple(rule.get("resourceNames", ())))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@WAYS
@COMPONENTS
def test_a_component_may_do_what_the_table_says(rendered, component):
    assert rules(named(rendered(), "ClusterRole", f"proclaim-{component}")) == CLUSTER[component]
    assert rules(named(rendered(), "Role", f"proclaim-{component}")) == NAMESPACED[component]


@WAYS
@COMPONENTS
def test_the_roles_are_bound_to_the_account_of_the_pods_and_to_nobody_else(rendered, component):
    name = f"proclaim-{component}"
    account = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
    for kind in ("ClusterRole", "Role"):
        binding = named(rendered(), f"{kind}Binding", name)
        assert binding["subjects"] == [account]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (kind, name)
    kind = {"controller": "Deployment", "node": "DaemonSet"}[component]
    pod = named(rendered(), kind, name)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == name
    assert not named(rendered(), "ServiceAccount", name)["automountServiceAccountToken"]


@WAYS
def test_there_are_no_other_roles_and_no_wildcards(rendered):
    for kind in ("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"):
        names = {each["metadata"]["name"] for each in of_kind(rendered(), kind)}
        assert names == {"proclaim-controller", "proclaim-node"}
    for kind in ("ClusterRole", "Role"):
        for role in of_kind(rendered(), kind):
            assert not any("*" in part for rule in rules(role) for part in rule)


def test_named_passwords_narrow_what_a_node_may_read():
    role = named(chart("node.passwordSecrets={bgp-a,bgp-b}"), "Role", "proclaim-node")
    found = {rule for rule in rules(role) if rule[1] == "secrets"}
    assert found == granted("", READ, "secrets", names=("bgp-a", "bgp-b"))


def test_a_component_that_is_off_has_no_rights():
    rendered = chart("controller.enabled=false")
    for kind in ("ClusterRole", "Role", "ServiceAccount", "Deployment", "PodDisruptionBudget"):
        names = [each["metadata"]["name"] for each in of_kind(rendered, kind)]
        assert "proclaim-controller" not in names


def test_the_lease_that_may_be_taken_is_the_one_that_is_asked_for():
    rendered = chart("fullnameOverride=other")
    settings = named(rendered, "ConfigMap", "other-controller-settings")["data"]["controller.toml"]
    assert 'lease_name = "other-controller"' in settings
    role = named(rendered, "Role", "other-controller")
    assert granted(
        "coordination.k8s.io", {"get", "update"}, "leases", names=("other-controller",)
    ) <= rules(role)
