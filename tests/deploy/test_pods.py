"""The pods: what they may do on a machine, how they are asked after, and what they run."""

import re

import pytest
from deploy.rendering import ROOT, base, chart, composed, named, pod, template
from proclaim_cli.catalogue import application

WAYS = pytest.mark.parametrize("rendered", [base, chart], ids=["kustomize", "helm"])
COMPONENTS = pytest.mark.parametrize("component", ["controller", "node"])


def container(rendered, component):
    (found,) = pod(rendered, component)["containers"]
    return found


@WAYS
@COMPONENTS
def test_no_container_can_gain_rights_or_write_to_its_image(rendered, component):
    found = container(rendered(), component)["securityContext"]
    assert found["allowPrivilegeEscalation"] is False
    assert found["readOnlyRootFilesystem"] is True
    assert found["capabilities"]["drop"] == ["ALL"]
    assert not found.get("privileged")
    profile = pod(rendered(), component)["securityContext"]["seccompProfile"]
    assert profile == {"type": "RuntimeDefault"}


@WAYS
def test_the_controller_is_nobody(rendered):
    specification = pod(rendered(), "controller")
    context = specification["securityContext"]
    assert context["runAsNonRoot"] is True
    assert {context[each] for each in ("runAsUser", "runAsGroup", "fsGroup")} == {65534}
    assert "add" not in container(rendered(), "controller")["securityContext"]["capabilities"]
    assert not any(specification.get(each) for each in ("hostNetwork", "hostPID", "hostIPC"))
    assert not any("hostPath" in volume for volume in specification["volumes"])


@WAYS
def test_a_node_has_the_network_of_its_host_one_capability_and_one_directory(rendered):
    specification = pod(rendered(), "node")
    assert specification["hostNetwork"] is True
    assert specification["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert not any(specification.get(each) for each in ("hostPID", "hostIPC"))
    context = container(rendered(), "node")["securityContext"]
    assert context["capabilities"]["add"] == ["NET_RAW"]
    paths = [each["hostPath"]["path"] for each in specification["volumes"] if "hostPath" in each]
    assert paths == ["/var/lib/proclaim"]


@pytest.mark.parametrize(
    ("listen", "added"),
    [
        ("{0.0.0.0:179}", ["NET_RAW", "NET_BIND_SERVICE"]),
        ("{192.0.2.1:1790,[::]:179}", ["NET_RAW", "NET_BIND_SERVICE"]),
        ("{0.0.0.0:1790}", ["NET_RAW"]),
    ],
)
def test_a_low_port_to_listen_at_needs_one_capability_more(listen, added):
    found = container(chart(f"node.bgp.listen={listen}"), "node")
    assert found["securityContext"]["capabilities"]["add"] == added


def test_the_component_for_listening_adds_the_same_capability(tmp_path):
    found = container(composed(tmp_path, "bgp-listen"), "node")
    assert found["securityContext"]["capabilities"]["add"] == ["NET_RAW", "NET_BIND_SERVICE"]


@WAYS
@COMPONENTS
def test_the_probes_ask_where_the_health_is_told(rendered, component):
    found = container(rendered(), component)
    ports = {each["name"]: each["containerPort"] for each in found["ports"]}
    assert ports == {"metrics": 9120, "health": 17472}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        asked = found[probe]["httpGet"]
        assert (asked["path"], asked["port"]) == (path, "health")
        assert asked.get("host") == (None if component == "controller" else "127.0.0.1")


@WAYS
@COMPONENTS
def test_the_arguments_are_of_proclaim_run(rendered, component):
    found = container(rendered(), component)
    command, *rest = found["args"]
    known = {text for each in application().get_command(None, command).params for text in each.opts}
    assert {each for each in rest if each.startswith("--")} <= known
    (mounted,) = [each for each in found["volumeMounts"] if each["name"] == "settings"]
    assert rest[rest.index("--settings") + 1] == mounted["mountPath"]
    environment = {each["name"] for each in found["env"]}
    assert set(re.findall(r"\$\((\w+)\)", " ".join(rest))) <= environment
    assert {"POD_NAME", "POD_NAMESPACE", "POD_UID", "PROCLAIM_NODE"} <= environment


@WAYS
@COMPONENTS
def test_every_mount_has_its_volume_and_every_volume_its_mount(rendered, component):
    volumes = {each["name"] for each in pod(rendered(), component)["volumes"]}
    mounts = {each["name"]: each for each in container(rendered(), component)["volumeMounts"]}
    assert volumes == mounts.keys()
    writable = {name for name, each in mounts.items() if not each.get("readOnly")}
    assert writable == {"ledger", "tmp"}


@WAYS
def test_the_pods_outlive_others_and_end_in_time(rendered):
    controller, node = pod(rendered(), "controller"), pod(rendered(), "node")
    assert controller["priorityClassName"] == "system-cluster-critical"
    assert node["priorityClassName"] == "system-node-critical"
    assert controller["terminationGracePeriodSeconds"] == 10
    assert node["terminationGracePeriodSeconds"] == 10


@WAYS
def test_nodes_are_updated_one_by_one_control_planes_too(rendered):
    daemons = named(rendered(), "DaemonSet", "proclaim-node")["spec"]
    assert daemons["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 1}
    tolerated = {each["key"] for each in pod(rendered(), "node")["tolerations"]}
    kind = "node-role.kubernetes.io/"
    assert tolerated == {f"{kind}control-plane", f"{kind}master"}


@WAYS
def test_a_drain_is_not_held_up_by_the_budget(rendered):
    budget = named(rendered(), "PodDisruptionBudget", "proclaim-controller")
    assert budget["spec"]["maxUnavailable"] == 1


def test_one_image_is_named_everywhere():
    assert {container(base(), each)["image"] for each in ("controller", "node")} == {
        container(chart(), each)["image"] for each in ("controller", "node")
    }
    version = re.search(
        r'^version = "(.+)"$', (ROOT / "cli/pyproject.toml").read_text(), re.MULTILINE
    )[1]
    assert container(base(), "node")["image"] == f"proclaim:{version}"


def test_changed_settings_roll_the_pods_of_the_chart():
    def marks(*values):
        kinds = {"controller": "Deployment", "node": "DaemonSet"}
        return {
            component: named(chart(*values), kind, f"proclaim-{component}")["spec"]["template"][
                "metadata"
            ]["annotations"]["checksum/settings"]
            for component, kind in kinds.items()
        }

    before, after = marks(), marks("node.ignoreExcludeLB=true")
    assert before["controller"] == after["controller"]
    assert before["node"] != after["node"]


def test_the_key_of_the_signs_of_life_is_made_or_taken():
    made = named(chart(), "Secret", "proclaim-heartbeat")
    assert set(made["data"]) == {"secretkey"}
    volumes = {each["name"]: each for each in pod(chart(), "node")["volumes"]}
    assert volumes["heartbeat"]["secret"]["secretName"] == "proclaim-heartbeat"
    taken = chart("speaker.secretName=metallb-memberlist")
    assert not [each for each in taken if each["kind"] == "Secret"]
    volumes = {each["name"]: each for each in pod(taken, "node")["volumes"]}
    assert volumes["heartbeat"]["secret"]["secretName"] == "metallb-memberlist"


def test_a_value_that_nobody_knows_is_refused():
    refused = template("--set", "node.nonsense=1", check=False)
    assert refused.returncode != 0
    assert "nonsense" in refused.stderr
