"""How much is too much: what a server refuses of otherwise good objects."""

from typing import Any

import pytest
from apiserver import ApiError, ApiServer, objects

Json = dict[str, Any]


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


def owned(**owner: str) -> Json:
    value = objects.pool("p", "192.0.2.0/24")
    value["metadata"]["ownerReferences"] = [owner]
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            objects.pool("p", "192.0.2.0/24", labels={"metallb.io/node": "n" * 64}),
            "metadata.labels: Invalid value: .*must be no more than 63 bytes",
        ),
        (
            objects.pool("p", "192.0.2.0/24", labels={"a": "ends-with-"}),
            'metadata.labels: Invalid value: "ends-with-": a valid label must be',
        ),
        (objects.pool("p" * 254, "192.0.2.0/24"), "must be no more than 253 bytes"),
        (
            objects.service("s", annotations={"a": "x" * 256 * 1024}),
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        (
            owned(apiVersion="v1", kind="Pod", name="p"),
            r"metadata.ownerReferences\[0\].uid: Required value",
        ),
    ],
    ids=["long label", "odd label", "long name", "annotations", "owner"],
)
def test_metadata_has_limits(server: ApiServer, value: Json, said: str) -> None:
    with pytest.raises(ApiError, match=said) as refused:
        server.create(value)

    assert refused.value.code == 422


def test_a_condition_says_only_so_much(server: ApiServer) -> None:
    state = {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "ConfigurationState",
        "metadata": {"name": "controller", "namespace": "metallb-system"},
    }
    server.create(state)
    condition = {
        "type": "poolReconcilerValid",
        "status": "False",
        "reason": "ConfigurationError",
        "message": "x" * 32_769,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(ApiError, match=r"conditions\[0\].message: Too long") as refused:
        server.apply({**state, "status": {"conditions": [condition]}}, status=True)

    assert refused.value.code == 422


async def test_a_selector_names_labels_that_could_be(server: ApiServer) -> None:
    path = "/apis/metallb.io/v1beta1/namespaces/metallb-system/servicebgpstatuses"
    query = [("labelSelector", f"metallb.io/node={'n' * 64}")]

    answer = await server.connect().request("GET", path, query)

    assert answer.status == 400
    assert b"unable to parse requirement" in answer.body
