"""Rights by name: what a list or a watch of one object needs."""

import pytest
from apiserver import ApiServer, objects
from proclaim_k8s_source.access.api import Refused

PATH = "/api/v1/namespaces/metallb-system/secrets"


@pytest.fixture
def server() -> ApiServer:
    found = ApiServer()
    found.create(objects.secret("mine", "a password"))
    found.create(objects.secret("other", "another"))
    found.machinery.authorize = lambda access: access.name == "mine"
    return found


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ([("fieldSelector", "metadata.name=mine")], 200),
        ([("fieldSelector", "metadata.name=other")], 403),
        ([("fieldSelector", "type=Opaque")], 403),
        ([], 403),
    ],
    ids=["by name", "another name", "by type", "all"],
)
async def test_a_right_by_name_is_one_to_list_what_has_it(
    server: ApiServer, query: list[tuple[str, str]], status: int
) -> None:
    answer = await server.connect().request("GET", PATH, query)

    assert answer.status == status


async def test_a_right_by_name_is_one_to_watch_what_has_it(server: ApiServer) -> None:
    client = server.connect()
    watch = [("watch", "1"), ("resourceVersion", str(server.revision))]

    async with client.stream(PATH, [*watch, ("fieldSelector", "metadata.name=mine")]):
        pass
    with pytest.raises(Refused):
        async with client.stream(PATH, watch):
            pass
