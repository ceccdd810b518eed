"""kubectl and helm render everything, and what comes out are objects of Kubernetes."""

import os
from copy import deepcopy

import pytest
import yaml
from deploy.kubernetes import CUSTOM, VERSIONS, problems
from deploy.rendering import (
    COMPONENTS,
    DEPLOY,
    EVERYTHING,
    NAMESPACE,
    OVERLAYS,
    base,
    chart,
    composed,
    of_kind,
    overlay,
    pod,
    program,
    run,
)

CRD = "CustomResourceDefinition"
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "ValidatingWebhookConfiguration",
}
VALUES = [
    (),
    EVERYTHING,
    ("webhook.enabled=true", "webhook.certManager.enabled=true"),
    ("webhook.enabled=true", "webhook.secretName=mine", "webhook.caBundle=QUJD"),
    ("controller.enabled=false",),
    ("node.enabled=false", "crds.enabled=false"),
    ("rbac.create=false", "controller.serviceAccount.create=false", "node.heartbeat.signed=false"),
    ("speaker.secretName=metallb-memberlist", "speaker.logLevel=all"),
    ("node.tolerateMaster=false", "node.readinessProbe.enabled=false", "image.tag=x"),
]


def check(rendered, but=CRD):
    """Definitions are large, and the same wherever they come from: once is enough for them."""
    found = []
    for each in rendered:
        if each["kind"] not in {*CUSTOM, but}:
            found += [line for version in VERSIONS for line in problems(each, version)]
    assert found == []
    keys = [(each["kind"], each["metadata"]["name"]) for each in rendered]
    assert len(keys) == len(set(keys))
    for each in rendered:
        expected = None if each["kind"] in CLUSTER_WIDE else NAMESPACE
        assert each["metadata"].get("namespace") == expected, each["metadata"]["name"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_renders_to_valid_objects(name):
    check(overlay(name), but="")


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPONENTS)
def test_the_base_with_a_component_renders_to_valid_objects(name, tmp_path):
    check(composed(tmp_path, name))


@pytest.mark.slow
def test_all_components_go_together(tmp_path):
    rendered = composed(tmp_path, *COMPONENTS)
    check(rendered)
    converted = next(each for each in rendered if each["metadata"]["name"] == "bgppeers.metallb.io")
    assert (
        converted["spec"]["conversion"]["webhook"]["clientConfig"]["service"]["path"] == "/convert"
    )


def test_conversion_without_the_definitions_is_refused(tmp_path):
    kustomize = os.path.relpath(DEPLOY / "kustomize", tmp_path)
    described = {
        "resources": [f"{kustomize}/base"],
        "components": [f"{kustomize}/components/{each}" for each in ("webhook", "conversion")],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    refused = run(program("kubectl"), "kustomize", str(tmp_path), check=False)
    assert refused.returncode != 0
    assert "bgppeers.metallb.io" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("values", VALUES, ids=lambda values: values[0] if values else "defaults")
def test_the_chart_renders_to_valid_objects(values):
    check(chart(*values))


def test_an_invalid_object_is_noticed():
    broken = deepcopy(of_kind(base(), "Deployment")[0])
    broken["spec"]["template"]["spec"]["containers"][0]["nonsense"] = 1
    assert all(problems(broken, version) for version in VERSIONS)


def test_both_ways_give_the_same_pods():
    for component in ("controller", "node"):
        ours = deepcopy(pod(base(), component))
        theirs = deepcopy(pod(chart("node.heartbeat.signed=false"), component))
        for each in (ours, theirs):
            each["volumes"] = [
                {**volume, "configMap": None} if "configMap" in volume else volume
                for volume in each["volumes"]
            ]
            affinity = each.pop("affinity", {})
            assert bool(affinity) == (component == "controller")
        assert ours == theirs


def test_the_chart_has_the_definitions_of_the_kustomization():
    ours = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay("with-crds"), CRD)}
    theirs = {each["metadata"]["name"]: each["spec"] for each in of_kind(chart(), CRD)}
    assert len(ours) == 9
    assert ours == theirs
    assert all(
        each["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        for each in of_kind(chart(), CRD)
    )


def test_deleting_the_base_deletes_no_custom_resource():
    for name in set(OVERLAYS) - {"with-crds"}:
        assert not of_kind(overlay(name), CRD)
        assert not of_kind(overlay(name), "Namespace")


def test_the_namespace_lets_pods_use_the_network_of_the_host():
    (namespace,) = of_kind(overlay("with-crds"), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


@pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])
def test_everything_says_what_it_belongs_to(rendered):
    for each in rendered():
        if each["kind"] != CRD:
            labels = each["metadata"]["labels"]
            assert labels["app.kubernetes.io/name"] == "proclaim"
            assert labels["app.kubernetes.io/component"] in ("controller", "node")


@pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])
def test_selectors_find_the_pods_of_one_component_only(rendered):
    pods = {
        kind: next(iter(of_kind(rendered(), kind)))["spec"]["template"]["metadata"]["labels"]
        for kind in ("Deployment", "DaemonSet")
    }
    found = {
        kind: next(iter(of_kind(rendered(), kind)))["spec"]["selector"]["matchLabels"]
        for kind in ("Deployment", "DaemonSet", "PodDisruptionBudget")
    }
    assert found["Deployment"].items() <= pods["Deployment"].items()
    assert found["DaemonSet"].items() <= pods["DaemonSet"].items()
    assert found["PodDisruptionBudget"] == found["Deployment"]
    assert not found["Deployment"].items() <= pods["DaemonSet"].items()


def test_several_controllers_are_two():
    (deployment,) = of_kind(overlay("several-controllers"), "Deployment")
    assert deployment["spec"]["replicas"] == 2
