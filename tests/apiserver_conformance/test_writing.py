"""Writes beyond what the transcripts show: locking, ownership, generations, owners, validation."""

import json
from typing import Any

import pytest
from apiserver import ApiError, ApiServer, objects
from apiserver.machinery import Machinery
from apiserver.requests import Access

Json = dict[str, Any]
SERVICES = "/api/v1/namespaces/default/services"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases"


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


def managers(value: Json) -> dict[tuple[str, str], Json]:
    return {
        (entry["manager"], entry.get("subresource", "")): entry["fieldsV1"]
        for entry in value["metadata"]["managedFields"]
    }


def test_one_of_two_updates_of_the_same_version_is_refused(server: ApiServer) -> None:
    lease = server.create(objects.lease("l", "a", "2026-01-01T00:00:00.000000Z"))
    server.replace({**lease, "spec": {**lease["spec"], "holderIdentity": "b"}})

    with pytest.raises(ApiError, match="the object has been modified") as refused:
        server.replace({**lease, "spec": {**lease["spec"], "holderIdentity": "c"}})

    assert (refused.value.code, refused.value.reason) == (409, "Conflict")
    found = server.get("Lease", "l", "metallb-system")
    assert found is not None
    assert found["spec"]["holderIdentity"] == "b"


def test_a_lease_is_not_updated_without_a_version(server: ApiServer) -> None:
    lease = server.create(objects.lease("l", "a", "2026-01-01T00:00:00.000000Z"))
    del lease["metadata"]["resourceVersion"]

    with pytest.raises(ApiError, match="must be specified for an update"):
        server.replace(lease)


def test_the_times_of_a_lease_have_six_digits(server: ApiServer) -> None:
    with pytest.raises(ApiError, match="parsing time") as refused:
        server.create(objects.lease("l", "a", "2026-01-01T00:00:00Z"))

    assert refused.value.code == 400


def test_an_old_incarnation_is_not_deleted(server: ApiServer) -> None:
    service = server.create(objects.service("s"))
    server.delete("Service", "s")
    again = server.create(objects.service("s"))

    with pytest.raises(ApiError, match="UID in precondition"):
        server.replace({**service, "metadata": {**service["metadata"], "resourceVersion": ""}})
    assert again["metadata"]["uid"] != service["metadata"]["uid"]


def test_a_write_that_changes_nothing_is_none(server: ApiServer) -> None:
    server.create(objects.service("s", ingress=["192.0.2.1"]))
    before = server.revision
    patch = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}

    server.patch("Service", "s", patch, status=True, by="somebody else")

    assert server.revision == before


def test_who_rewrites_a_field_owns_it(server: ApiServer) -> None:
    server.create(objects.service("s"))
    first = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    second = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.2"}]}}}
    server.patch("Service", "s", first, status=True, by="proclaim")
    found = server.patch("Service", "s", second, status=True, by="rogue")
    owned: Json = {"f:status": {"f:loadBalancer": {"f:ingress": {}}}}

    assert managers(found)["rogue", "status"] == owned
    assert ("proclaim", "status") not in managers(found)


def test_two_appliers_share_a_list_of_conditions(server: ApiServer) -> None:
    state: Json = {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "ConfigurationState",
        "metadata": {"name": "controller", "namespace": "metallb-system"},
    }

    def condition(kind: str, status: str) -> Json:
        entry = {
            "type": kind,
            "status": status,
            "reason": "Reconciled",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        return {**state, "status": {"conditions": [entry]}}

    server.create(state)
    server.apply(condition("one", "True"), "one", status=True)
    server.apply(condition("two", "True"), "two", status=True)
    before = server.revision
    server.apply(condition("two", "True"), "two", status=True)
    assert server.revision == before

    found = server.apply(condition("two", "False"), "two", status=True, force=False)
    with pytest.raises(ApiError, match="Apply failed with 1 conflict") as refused:
        server.apply(condition("two", "True"), "one", status=True, force=False)
    gone = server.apply({**state, "status": {"conditions": []}}, "one", status=True)

    shown = [(one["type"], one["status"]) for one in found["status"]["conditions"]]
    assert shown == [("one", "True"), ("two", "False")]
    assert refused.value.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "two" with subresource "status"',
                "field": '.status.conditions[type="two"].status',
            }
        ]
    }
    assert [one["type"] for one in gone["status"]["conditions"]] == ["two"]


def test_a_label_that_is_applied_no_more_goes(server: ApiServer) -> None:
    pool = objects.pool("p", "192.0.2.0/24", labels={"a": "1", "b": "2"})
    server.apply(pool, "gitops")
    server.patch("IPAddressPool", "p", {"metadata": {"labels": {"c": "3"}}}, by="somebody")
    found = server.apply(objects.pool("p", "192.0.2.0/24", labels={"a": "1"}), "gitops")

    assert found["metadata"]["labels"] == {"a": "1", "c": "3"}


def test_generations_count_specs_only(server: ApiServer) -> None:
    server.create(objects.pool("p", "192.0.2.0/24"))
    counters = ("assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6")
    status = {"status": dict.fromkeys(counters, 0)}
    labels = {"metadata": {"labels": {"a": "1"}}}
    spec = {"spec": {"autoAssign": False}}

    def generation(patch: Json, *, of_status: bool = False) -> int:
        found = server.patch("IPAddressPool", "p", patch, status=of_status)
        return int(found["metadata"]["generation"])

    assert generation(labels) == 1
    assert generation(status, of_status=True) == 1
    assert generation(spec) == 2


def test_the_status_of_a_custom_resource_takes_nothing_else_along(server: ApiServer) -> None:
    server.create(objects.pool("p", "192.0.2.0/24"))
    counters = ("assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6")
    patch = {
        "metadata": {"annotations": {"a": "1"}},
        "spec": {"autoAssign": False},
        "status": {**dict.fromkeys(counters, 1), "unknown": 1},
    }
    found = server.patch("IPAddressPool", "p", patch, status=True)

    assert "annotations" not in found["metadata"]
    assert found["spec"]["autoAssign"] is True
    assert found["status"] == dict.fromkeys(counters, 1)


def test_what_has_lost_its_owner_goes(server: ApiServer) -> None:
    pod = server.create(objects.pod("speaker"))
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "speaker", "uid": pod["metadata"]["uid"]}
    status: Json = {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "ServiceL2Status",
        "metadata": {
            "generateName": "l2-",
            "namespace": "metallb-system",
            "ownerReferences": [owner],
        },
        "status": {"node": "n1"},
    }
    made = server.create(status)
    assert made["metadata"]["name"].startswith("l2-")
    assert made["status"] == {"node": "n1"}

    server.delete("Pod", "speaker", "metallb-system")

    assert server.list("ServiceL2Status") == []


def test_a_namespace_goes_with_what_is_in_it(server: ApiServer) -> None:
    server.create(objects.service("s", "shop"))
    server.delete("Namespace", "shop")

    assert server.list("Service") == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (objects.service("s", type="Nothing"), "spec.type: Unsupported value"),
        (objects.service("s", ports=[70000]), "must be between 1 and 65535"),
        (objects.service("s", type="ClusterIP", loadBalancerClass="a/b"), "may only be used when"),
        (objects.service("s", ipFamilies=["IPv6"]), "not configured on this cluster"),
        (objects.pool("Upper", "192.0.2.0/24"), "RFC 1123 subdomain"),
        (objects.bgp_peer("p", "192.0.2.1", peerPort=0), "greater than or equal to 1"),
        (objects.bgp_peer("p", "192.0.2.1", dynamicASN="both"), "supported values"),
        (objects.bfd_profile("b", receiveInterval=5), "greater than or equal to 10"),
        (objects.bfd_profile("b", echoMode="yes"), "must be of type boolean"),
    ],
)
def test_what_is_invalid_is_refused(server: ApiServer, value: Json, said: str) -> None:
    with pytest.raises(ApiError, match=said) as refused:
        server.create(value)

    assert refused.value.code == 422


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (SERVICES, objects.service("s", loadBalancerIp="192.0.2.1"), "spec.loadBalancerIp"),
        (
            "/apis/metallb.io/v1beta1/namespaces/metallb-system/bgppeers",
            objects.bgp_peer("p", "192.0.2.1", version="v1beta1", vrf="red"),
            "spec.vrf",
        ),
        (
            "/api/v1/namespaces/default/events",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": "e"},
                "involvedObject": {"namespace": "default"},
                "note": "assigned",
            },
            "note",
        ),
    ],
)
async def test_what_is_unknown_is_left_out(
    server: ApiServer, path: str, value: Json, field: str
) -> None:
    response = await server.connect().request("POST", path, (), json.dumps(value).encode())

    assert response.status == 201
    assert f'299 - "unknown field \\"{field}\\""' in response.headers["warning"]
    assert field.split(".")[-1].encode() not in response.body


def test_a_status_cannot_name_another_node_later(server: ApiServer) -> None:
    server.create(
        {
            "apiVersion": "metallb.io/v1beta1",
            "kind": "ServiceBGPStatus",
            "metadata": {"name": "b", "namespace": "metallb-system"},
            "status": {"node": "n1"},
        }
    )

    with pytest.raises(ApiError, match="immutable"):
        server.patch("ServiceBGPStatus", "b", {"status": {"node": "n2"}}, status=True)


def test_a_service_that_is_local_has_a_port_for_health(server: ApiServer) -> None:
    made = server.create(objects.service("s", externalTrafficPolicy="Local"))
    found = server.patch("Service", "s", {"spec": {"externalTrafficPolicy": "Cluster"}})

    assert made["spec"]["healthCheckNodePort"] in range(30000, 32768)
    assert "healthCheckNodePort" not in found["spec"]


def test_leaving_the_type_takes_the_status_along(server: ApiServer) -> None:
    server.create(objects.service("s", ingress=["192.0.2.1"]))
    found = server.patch("Service", "s", {"spec": {"type": "NodePort"}})

    assert found["status"] == {"loadBalancer": {}}
    assert "nodePort" in found["spec"]["ports"][0]


@pytest.mark.parametrize(
    ("policy", "families"),
    [
        ({}, ["IPv4"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]}, ["IPv6", "IPv4"]),
        ({"ipFamilies": ["IPv6"]}, ["IPv6"]),
    ],
)
def test_families_of_a_cluster_with_both(policy: Json, families: list[str]) -> None:
    server = ApiServer(service_cidrs=["10.96.0.0/12", "fd00:10:96::/112"])
    spec = server.create(objects.service("s", **policy))["spec"]

    assert spec["ipFamilies"] == families
    assert [":" in address for address in spec["clusterIPs"]] == [
        family == "IPv6" for family in families
    ]


async def test_rbac_refuses(server: ApiServer) -> None:
    def only_reads(access: Access) -> bool:
        return access.verb in ("get", "list", "watch")

    server.create(objects.service("s"))
    server.machinery.authorize = only_reads
    api = server.connect(user="system:serviceaccount:metallb-system:controller")
    response = await api.request("PATCH", f"{SERVICES}/s/status", (), b"{}")

    assert response.status == 403
    assert json.loads(response.body)["message"] == (
        'services "s" is forbidden: User "system:serviceaccount:metallb-system:controller" cannot '
        'patch resource "services/status" in API group "" in the namespace "default"'
    )


async def test_tokens_are_reviewed(server: ApiServer) -> None:
    machinery: Machinery = server.machinery
    machinery.users = {"secret": "prometheus"}
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    body = b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"%s"}}'
    api = server.connect()
    good = json.loads((await api.request("POST", path, (), body % b"secret")).body)
    bad = json.loads((await api.request("POST", path, (), body % b"wrong")).body)

    assert good["status"] == {"authenticated": True, "user": {"username": "prometheus"}}
    assert "authenticated" not in bad["status"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/services", 405),
        ("PUT", SERVICES, 405),
        ("GET", "/api/v1/nothing", 404),
        ("GET", f"{SERVICES}/s/scale", 404),
        ("GET", f"{LEASES}/l/status", 404),
        ("POST", "/api/v1/namespaces/absent/services", 404),
        ("GET", "/readyz", 200),
        ("GET", "/apis", 200),
        ("GET", "/api/v1", 200),
    ],
)
async def test_paths(server: ApiServer, method: str, path: str, status: int) -> None:
    body = json.dumps(objects.service("s", "absent")).encode() if method == "POST" else b""
    response = await server.connect().request(method, path, (), body)

    assert response.status == status


def test_the_same_seed_gives_the_same_cluster() -> None:
    def made(seed: int) -> list[Json]:
        server = ApiServer(seed)
        server.create(objects.service("s"))
        return server.list("Service")

    assert made(3) == made(3) != made(4)
