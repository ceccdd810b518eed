"""What the chart does in a cluster that has something already, what it says, and its values."""

import json
import ssl
from base64 import b64decode

import pytest
import yaml
from deploy.cluster import cluster
from deploy.rendering import (
    CHART,
    DEPLOY,
    NAMESPACE,
    ROOT,
    chart,
    named,
    objects,
    of_kind,
    overlay,
    pod,
    program,
    run,
    template,
)
from proclaim_k8s_source.watch.beside import SELECTORS

SERVED = {
    "v1beta1-bfdprofile",
    "v1beta1-bgpadvertisement",
    "v1beta1-community",
    "v1beta1-ipaddresspool",
    "v1beta1-l2advertisement",
    "v1beta2-bgppeer",
}
CRD = "CustomResourceDefinition"
OURS = {
    "meta.helm.sh/release-name": "proclaim",
    "meta.helm.sh/release-namespace": NAMESPACE,
}

MANAGED = {"app.kubernetes.io/managed-by": "Helm"}


def definition(name, annotations):
    path = DEPLOY / "crds" / f"{name}.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    found["metadata"]["annotations"] = annotations
    found["metadata"]["labels"] = MANAGED
    return found


def rendered_in(tmp_path, *there, values=()):
    sets = [each for value in values for each in ("--set", value)]
    with cluster(tmp_path, *there) as kubeconfig:
        arguments = [
            "--dry-run=server",
            "--disable-openapi-validation",
            "--kubeconfig",
            str(kubeconfig),
            *sets,
        ]
        return objects(template(*arguments).stdout)


def definitions(rendered):
    return {each["metadata"]["name"].partition(".")[0] for each in of_kind(rendered, CRD)}


@pytest.mark.slow
def test_definitions_of_others_are_left_alone_and_our_own_are_kept(tmp_path):
    theirs = {**OURS, "meta.helm.sh/release-name": "metallb"}
    rendered = rendered_in(
        tmp_path,
        definition("bgppeers", {}),
        definition("communities", theirs),
        definition("ipaddresspools", OURS),
    )
    assert len(definitions(rendered)) == 7
    assert definitions(rendered) & {"bgppeers", "communities", "ipaddresspools"} == {
        "ipaddresspools"
    }


@pytest.mark.slow
def test_in_an_empty_cluster_all_definitions_are_made(tmp_path):
    assert len(definitions(rendered_in(tmp_path))) == 9
    assert definitions(rendered_in(tmp_path, values=["crds.enabled=false"])) == set()


@pytest.mark.slow
def test_a_key_and_a_certificate_that_are_there_stay(tmp_path):
    def secret(name, **data):
        metadata = {"name": name, "namespace": NAMESPACE, "annotations": OURS, "labels": MANAGED}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}

    heartbeat = secret("proclaim-heartbeat", secretkey="QUJD")
    webhook = secret("proclaim-webhook", **{"ca.crt": "QQ==", "tls.crt": "Qg==", "tls.key": "Qw=="})
    rendered = rendered_in(tmp_path, heartbeat, webhook, values=["webhook.enabled=true"])
    found = {each["metadata"]["name"]: each["data"] for each in of_kind(rendered, "Secret")}
    assert found == {
        "proclaim-heartbeat": heartbeat["data"],
        "proclaim-webhook": webhook["data"],
    }
    (configuration,) = of_kind(rendered, "ValidatingWebhookConfiguration")
    assert {each["clientConfig"]["caBundle"] for each in configuration["webhooks"]} == {"QQ=="}


def shake_hands(*ends):
    """Let both ends of TLS speak until they agree; raises SSLError when they do not."""
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not waiting


def test_the_certificate_that_is_made_is_what_the_api_server_expects(tmp_path):
    rendered = chart("webhook.enabled=true")
    data = named(rendered, "Secret", "proclaim-webhook")["data"]
    for name, text in data.items():
        (tmp_path / name).write_bytes(b64decode(text))
    (configuration,) = of_kind(rendered, "ValidatingWebhookConfiguration")
    for webhook in configuration["webhooks"]:
        asked = webhook["clientConfig"]
        authority = ssl.create_default_context(cadata=b64decode(asked["caBundle"]).decode())
        ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ours.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = f"{asked['service']['name']}.{asked['service']['namespace']}.svc"
        client = authority.wrap_bio(down, up, server_hostname=name)
        server = ours.wrap_bio(up, down, server_side=True)
        shake_hands(client, server)


def test_the_webhook_is_asked_at_the_paths_of_metallb_both_ways():
    (configuration,) = of_kind(chart("webhook.enabled=true"), "ValidatingWebhookConfiguration")
    served = {f"/validate-metallb-io-{each}" for each in SERVED}
    paths = {each["clientConfig"]["service"]["path"] for each in configuration["webhooks"]}
    assert paths == served
    (other,) = of_kind(overlay("webhook"), "ValidatingWebhookConfiguration")

    def asked(found):
        return [
            (each["name"], each["rules"], each["failurePolicy"], each["clientConfig"]["service"])
            for each in found["webhooks"]
        ]

    assert asked(configuration) == asked(other)


def notes(*values):
    sets = [each for value in values for each in ("--set", value)]
    command = [program("helm"), "install", "proclaim", str(CHART), "--namespace", NAMESPACE]
    return run(*command, "--dry-run=client", *sets).stdout.partition("NOTES:")[2]


@pytest.mark.slow
def test_the_notes_lead_through_the_takeover():
    text = notes()
    assert "docs/how-to/replace-metallb.md" in text
    assert "speaker mean nothing" not in text
    page = (ROOT / "docs/how-to/replace-metallb.md").read_text(encoding="utf-8")
    steps = [
        "proclaim k8s plan",
        "helm.sh/resource-policy=keep",
        "kubectl patch crd bgppeers.metallb.io --type=merge",
        """-p '{"spec":{"conversion":{"strategy":"None","webhook":null}}}'""",
    ]
    for told in (text, page):
        places = [told.index(step) for step in steps]
        assert places == sorted(places)


@pytest.mark.slow
def test_the_notes_plan_for_the_class_that_is_served():
    assert "k8s plan --load-balancer-class example.net/lb " in notes(
        "loadBalancerClass=example.net/lb"
    )


@pytest.mark.slow
def test_the_notes_name_what_means_nothing_here():
    text = notes("speaker.frr.enabled=false", "speaker.logLevel=warn", "speaker.reloader.x=1")
    assert "speaker mean nothing here: frr, reloader" in text


@pytest.mark.slow
def test_the_chart_is_well_formed():
    run(program("helm"), "lint", "--strict", str(CHART))


def test_every_value_has_its_schema():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def compare(value, node, path):
        if "properties" not in node:
            return
        missing = value.keys() - node["properties"].keys()
        assert not missing, f"{path}: {missing}"
        for name, inner in value.items():
            if isinstance(inner, dict):
                compare(inner, node["properties"][name], f"{path}.{name}")

    compare(values, schema, "")


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("nameOverride=metallb", "app.kubernetes.io/name=metallb"),
        ("node.labels.app=metallb", "app=metallb"),
        ("speaker.labels.app=metallb", "app=metallb"),
        ("controller.labels.app=metallb", "app=metallb"),
    ],
)
def test_labels_by_which_pods_would_take_themselves_for_metallb_are_refused(value, label):
    assert label in SELECTORS
    refused = template("--set", value, check=False)
    assert refused.returncode != 0
    assert f"the label {label}, and Proclaim takes such pods for MetalLB" in refused.stderr


def test_only_the_labels_make_pods_those_of_metallb():
    rendered = chart("fullnameOverride=metallb", "node.labels.team=network")
    labels = {
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for each in rendered
        if each["kind"] in ("DaemonSet", "Deployment")
    }
    assert labels == {"proclaim"}
    (daemons,) = of_kind(rendered, "DaemonSet")
    assert daemons["spec"]["template"]["metadata"]["labels"]["team"] == "network"


@pytest.mark.parametrize("component", ["controller", "node"])
def test_a_value_that_says_what_the_chart_says_is_not_said_twice(component):
    system, name = r"kubernetes\.io/os", r"app\.kubernetes\.io/name"
    values = (f"nodeSelector.{system}=linux", "nodeSelector.disk=fast", f"labels.{name}=mine")
    rendered = chart(*(f"{component}.{each}" for each in values))
    selected = pod(rendered, component)["nodeSelector"]
    assert selected == {"kubernetes.io/os": "linux", "disk": "fast"}
