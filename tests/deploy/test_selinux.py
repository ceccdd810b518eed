"""Where SELinux is enforced: a container that writes to its host needs a type that may."""

import pytest
from deploy.rendering import base, chart, composed, pod, template

FIELDS = ("level", "role", "type", "user")
"""Those of SELinuxOptions."""


def types(rendered):
    """The SELinux type that each container is given, and whether it writes to its host."""
    found = {}
    for component in ("controller", "node"):
        specification = pod(rendered, component)
        paths = {each["name"] for each in specification["volumes"] if "hostPath" in each}
        for container in specification["containers"]:
            mounted = {each["name"] for each in container["volumeMounts"]}
            options = container["securityContext"].get("seLinuxOptions", {})
            found[component] = (options.get("type"), bool(paths & mounted))
    return found


@pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])
def test_without_being_asked_nobody_is_given_a_type(rendered):
    assert types(rendered()) == {"controller": (None, False), "node": (None, True)}


def test_who_writes_to_its_host_is_given_a_type_that_may(tmp_path):
    expected = {"controller": (None, False), "node": ("spc_t", True)}
    assert types(composed(tmp_path, "selinux")) == expected
    assert types(chart("node.seLinuxOptions.type=spc_t")) == expected


def test_both_ways_leave_the_other_limits_as_they_are(tmp_path):
    for usual, given in (
        (base(), composed(tmp_path, "selinux")),
        (chart(), chart("node.seLinuxOptions.type=spc_t")),
    ):
        (before,), (after,) = (pod(each, "node")["containers"] for each in (usual, given))
        expected = {**before["securityContext"], "seLinuxOptions": {"type": "spc_t"}}
        assert after["securityContext"] == expected


def test_all_four_fields_go_through_and_no_other():
    rendered = chart(*(f"node.seLinuxOptions.{each}={each}_x" for each in FIELDS))
    (container,) = pod(rendered, "node")["containers"]
    given = container["securityContext"]["seLinuxOptions"]
    assert given == {each: f"{each}_x" for each in FIELDS}
    refused = template("--set", "node.seLinuxOptions.typ=spc_t", check=False)
    assert refused.returncode != 0
    assert "/node/seLinuxOptions" in refused.stderr
