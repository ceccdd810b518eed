"""Selectors, pages, snapshots and watches beyond what the transcripts show."""

import json

import pytest
import trio
from apiserver import ApiServer, Connection, objects
from proclaim_k8s_source.access.api import Response

SERVICES = "/api/v1/services"
SECRETS = "/api/v1/namespaces/metallb-system/secrets"


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer()
    for name, labels in (
        ("a", {"app": "web", "tier": "front"}),
        ("b", {"app": "web"}),
        ("c", {"app": "db"}),
        ("d", {}),
    ):
        server.create(objects.service(name, labels=labels))
    return server


def names(response: Response) -> list[str]:
    assert response.status == 200, response.body
    return [item["metadata"]["name"] for item in json.loads(response.body)["items"]]


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("app=web", "ab"),
        ("app==web", "ab"),
        ("app!=web", "cd"),
        ("app in (web,db)", "abc"),
        ("app in (web, db),tier", "a"),
        ("app notin (web)", "cd"),
        ("app", "abc"),
        ("!app", "d"),
        ("app=web,!tier", "b"),
        ("app=", ""),
        ("", "abcd"),
    ],
)
async def test_labels_select(server: ApiServer, selector: str, selected: str) -> None:
    response = await server.connect().request("GET", SERVICES, [("labelSelector", selector)])

    assert names(response) == list(selected)


@pytest.mark.parametrize("selector", ["app in web", "app=(web)", "a b", "=web"])
async def test_a_selector_that_is_none_is_refused(server: ApiServer, selector: str) -> None:
    response = await server.connect().request("GET", SERVICES, [("labelSelector", selector)])

    assert response.status == 400


@pytest.mark.parametrize(
    ("path", "selector", "selected"),
    [
        (SERVICES, "metadata.name=b", ["b"]),
        (SERVICES, "metadata.name!=b,metadata.namespace=default", ["a", "c", "d"]),
        (SERVICES, "spec.type=ClusterIP", []),
        (SECRETS, "type=kubernetes.io/basic-auth", ["s"]),
        (SECRETS, "type=Opaque", []),
        ("/api/v1/pods", "spec.nodeName=n1", ["p"]),
    ],
)
async def test_fields_select(
    server: ApiServer, path: str, selector: str, selected: list[str]
) -> None:
    server.create(objects.secret("s", "x"))
    server.create(objects.pod("p", node="n1"))
    server.create(objects.pod("q", node="n2"))

    response = await server.connect().request("GET", path, [("fieldSelector", selector)])

    assert names(response) == selected


async def test_a_field_that_the_server_does_not_select_by_is_refused(server: ApiServer) -> None:
    response = await server.connect().request(
        "GET", SERVICES, [("fieldSelector", "spec.loadBalancerIP=192.0.2.1")]
    )

    assert response.status == 400
    assert b"field label not supported: spec.loadBalancerIP" in response.body


async def paged(api: Connection, *query: tuple[str, str]) -> tuple[list[str], str, str]:
    response = await api.request("GET", SERVICES, query)
    metadata = json.loads(response.body)["metadata"]
    return names(response), metadata.get("continue", ""), metadata["resourceVersion"]


async def test_pages_show_one_moment(server: ApiServer) -> None:
    api = server.connect()
    first, token, revision = await paged(api, ("limit", "2"))
    server.delete("Service", "c")
    server.create(objects.service("bb"))
    server.patch("Service", "d", {"metadata": {"labels": {"later": "1"}}})
    response = await api.request("GET", SERVICES, [("limit", "2"), ("continue", token)])
    later = json.loads(response.body)

    assert first == ["a", "b"]
    assert names(response) == ["c", "d"]
    assert later["metadata"] == {"resourceVersion": revision}
    assert "labels" not in later["items"][1]["metadata"]


async def test_the_fresh_token_of_an_expired_one_goes_on_where_it_was(server: ApiServer) -> None:
    api = server.connect()
    _, token, _ = await paged(api, ("limit", "2"))
    server.create(objects.service("bb"))
    server.compact()
    expired = await api.request("GET", SERVICES, [("limit", "2"), ("continue", token)])
    fresh = json.loads(expired.body)["metadata"]["continue"]
    rest, _, revision = await paged(api, ("continue", fresh))

    assert expired.status == 410
    assert rest == ["bb", "c", "d"]
    assert revision == str(server.revision)


async def test_an_exact_list_shows_the_past_until_it_is_compacted(server: ApiServer) -> None:
    api = server.connect()
    then = str(server.revision)
    server.delete("Service", "a")
    query = [("resourceVersion", then), ("resourceVersionMatch", "Exact")]
    before = await api.request("GET", SERVICES, query)
    server.compact()
    after = await api.request("GET", SERVICES, query)

    assert names(before) == ["a", "b", "c", "d"]
    assert after.status == 410


async def test_a_window_of_changes_is_remembered() -> None:
    server = ApiServer(window=3)
    server.create(objects.service("a"))
    first = server.revision
    for number in range(4):
        server.patch("Service", "a", {"metadata": {"annotations": {"n": str(number)}}})
    api = server.connect()

    async with api.stream(SERVICES, [("watch", "1"), ("resourceVersion", str(first))]) as lines:
        [line] = [json.loads(part) async for part in lines]
    query = [("watch", "1"), ("resourceVersion", str(first + 1)), ("timeoutSeconds", "1")]
    assert (line["type"], line["object"]["code"]) == ("ERROR", 410)
    async with api.stream(SERVICES, query) as stream:
        assert (await anext(stream)).count(b'"MODIFIED"') == 3


async def test_a_watch_of_a_namespace_sees_no_other(
    server: ApiServer, autojump_clock: trio.testing.MockClock
) -> None:
    path = "/api/v1/namespaces/shop/services"
    query = [("watch", "1"), ("resourceVersion", str(server.revision)), ("timeoutSeconds", "5")]
    async with server.connect().stream(path, query) as lines:
        server.create(objects.service("elsewhere"))
        server.create(objects.service("here", "shop"))
        seen = [json.loads(part)["object"]["metadata"]["name"] async for part in lines]

    assert seen == ["here"]


async def test_a_long_watch_is_bookmarked(
    server: ApiServer, autojump_clock: trio.testing.MockClock
) -> None:
    query = [("watch", "1"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "100")]
    query.append(("resourceVersion", str(server.revision)))
    async with server.connect().stream("/api/v1/namespaces/shop/services", query) as lines:
        server.create(objects.service("elsewhere"))
        created = server.get("Service", "elsewhere")["metadata"]["resourceVersion"]
        seen = [json.loads(part) async for part in lines]

    assert [line["type"] for line in seen] == ["BOOKMARK", "BOOKMARK"]
    assert seen[0]["object"]["metadata"]["resourceVersion"] == created


async def test_a_watch_of_a_kind_of_which_nothing_changes_is_not_bookmarked(
    server: ApiServer, autojump_clock: trio.testing.MockClock
) -> None:
    query = [("watch", "1"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "500")]
    query.append(("resourceVersion", str(server.revision)))
    async with server.connect().stream(SERVICES, query) as lines:
        server.create(objects.pool("p", "192.0.2.0/24"))
        assert [part async for part in lines] == []


async def test_a_closed_watch_costs_nothing_more(server: ApiServer) -> None:
    api = server.connect()
    query = [("watch", "1"), ("resourceVersion", str(server.revision))]
    async with api.stream(SERVICES, query):
        assert len(api.watches) == 1
    listeners = server.machinery.store.table(server.machinery.find("", "v1", "services").kind)

    assert (len(api.watches), len(listeners.listeners)) == (0, 0)


async def test_peers_are_served_in_both_versions() -> None:
    server = ApiServer()
    server.create(objects.bgp_peer("new", "192.0.2.1", vrf="red"))
    server.create(objects.bgp_peer("old", "192.0.2.2", version="v1beta1", holdTime="90s"))
    api = server.connect()
    path = "/apis/metallb.io/{}/namespaces/metallb-system/bgppeers/{}"

    async def spec(version: str, name: str) -> dict[str, object]:
        response = await api.request("GET", path.format(version, name))
        value = json.loads(response.body)
        assert value["apiVersion"] == f"metallb.io/{version}"
        return dict(value["spec"])

    assert "vrf" not in await spec("v1beta1", "new")
    assert await spec("v1beta2", "old") == {
        "myASN": 64512,
        "peerASN": 64513,
        "peerAddress": "192.0.2.2",
        "peerPort": 179,
        "holdTime": "90s",
        "keepaliveTime": "0s",
        "disableMP": False,
        "dualStackAddressFamily": False,
    }


async def test_events_are_served_in_both_groups() -> None:
    server = ApiServer()
    server.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "default"},
            "involvedObject": {"kind": "Service", "namespace": "default", "name": "s"},
            "reason": "IPAllocated",
            "message": "assigned",
            "type": "Normal",
        }
    )
    response = await server.connect().request("GET", "/apis/events.k8s.io/v1/events")
    [event] = json.loads(response.body)["items"]

    assert (event["note"], event["regarding"]["name"]) == ("assigned", "s")
    assert "message" not in event
