"""What goes wrong between a client and the emulator, as it is told to."""

import json

import pytest
import trio
from apiserver import ApiServer, Connection, Faults, objects
from proclaim_k8s_source.access.api import Unreachable
from trio.testing import MockClock

SERVICES = "/api/v1/services"
BODY = json.dumps(objects.service("s")).encode()


async def create(api: Connection) -> int:
    response = await api.request("POST", "/api/v1/namespaces/default/services", (), BODY)
    return response.status


@pytest.mark.parametrize(
    ("faults", "happened"), [(Faults(refused=1.0), False), (Faults(lost=1.0), True)]
)
@pytest.mark.parametrize("timeouts", [0.0, 1.0])
async def test_without_an_answer_it_may_have_happened(
    faults: Faults, happened: bool, timeouts: float, autojump_clock: MockClock
) -> None:
    server = ApiServer()
    faults.timeouts = timeouts
    started = trio.current_time()
    with pytest.raises(Unreachable):
        await create(server.connect(faults=faults))

    assert (server.get("Service", "s") is not None) is happened
    assert trio.current_time() - started == pytest.approx(10.0 * timeouts)


async def test_a_throttled_request_did_not_happen() -> None:
    server = ApiServer()
    api = server.connect(faults=Faults(throttled=1.0))
    response = await api.request("POST", "/api/v1/namespaces/default/services", (), BODY)

    assert (response.status, response.headers["retry-after"]) == (429, "1")
    assert server.get("Service", "s") is None


async def test_a_failed_request_did_not_happen() -> None:
    server = ApiServer()

    assert await create(server.connect(faults=Faults(failed=1.0))) in (500, 503)
    assert server.get("Service", "s") is None


async def test_requests_take_their_time(autojump_clock: MockClock) -> None:
    api = ApiServer().connect(faults=Faults(latency=(0.5, 0.5)))
    await create(api)
    assert trio.current_time() == pytest.approx(0.5)

    api.faults.latency = (20.0, 20.0)
    api.answer_seconds = 3.0
    with pytest.raises(Unreachable):
        await api.request("GET", SERVICES)
    assert trio.current_time() == pytest.approx(3.5)


async def test_history_may_be_gone() -> None:
    server = ApiServer()
    api = server.connect(faults=Faults(expired=1.0))
    query = [("watch", "1"), ("resourceVersion", str(server.revision))]
    async with api.stream(SERVICES, query) as lines:
        [line] = [json.loads(part) async for part in lines]

    assert (line["type"], line["object"]["code"]) == ("ERROR", 410)


async def test_a_cache_may_be_behind() -> None:
    server = ApiServer()
    for number in range(20):
        server.create(objects.service(f"s{number}"))
    api = server.connect(faults=Faults(stale=30))
    seen = set()
    for _ in range(30):
        response = await api.request("GET", SERVICES, [("resourceVersion", "0")])
        listed = json.loads(response.body)
        seen.add(len(listed["items"]))
        assert server.revision - 30 <= int(listed["metadata"]["resourceVersion"])
    current = await api.request("GET", SERVICES)

    assert min(seen) < 20
    assert len(json.loads(current.body)["items"]) == 20


@pytest.mark.parametrize("silent", [0.0, 1.0])
async def test_a_watch_breaks_or_falls_silent(silent: float, autojump_clock: MockClock) -> None:
    server = ApiServer()
    api = server.connect(faults=Faults(watch_seconds=10.0, silent=silent))
    broke = False
    query = [("watch", "1"), ("resourceVersion", str(server.revision))]
    with trio.move_on_after(1000):
        async with api.stream(SERVICES, query) as lines:
            try:
                await anext(lines)
            except Unreachable:
                broke = True

    assert broke is (silent == 0.0)
    assert (trio.current_time() == 1000) is (silent == 1.0)


async def test_events_may_be_late(autojump_clock: MockClock) -> None:
    server = ApiServer()
    api = server.connect(faults=Faults(watch_delay=(2.0, 2.0)))
    query = [("watch", "1"), ("resourceVersion", str(server.revision))]
    async with api.stream(SERVICES, query) as lines:
        server.create(objects.service("s"))
        assert b'"ADDED"' in await anext(lines)

    assert trio.current_time() == pytest.approx(2.0)


@pytest.mark.parametrize("trouble", ["outage", "restart"])
async def test_an_outage_breaks_the_watches(trouble: str, autojump_clock: MockClock) -> None:
    server = ApiServer()
    api = server.connect()
    async with api.stream(SERVICES, [("watch", "1")]) as lines:
        getattr(server, trouble)()
        with pytest.raises(Unreachable):
            await anext(lines)
    if trouble == "outage":
        with pytest.raises(Unreachable):
            await create(api)
        server.outage(False)

    assert await create(api) == 201


async def test_requests_are_counted_by_client(autojump_clock: MockClock) -> None:
    server = ApiServer()
    api, other = server.connect(), server.connect(faults=Faults(refused=1.0))
    await create(api)
    await api.request("GET", SERVICES)
    await api.request("PATCH", "/api/v1/namespaces/default/services/s/status", (), b"{}")
    with pytest.raises(Unreachable):
        await other.request("GET", SERVICES)

    assert api.requests == {
        ("create", "services"): 1,
        ("list", "services"): 1,
        ("patch", "services/status"): 1,
    }
    assert server.requests()["list", "services"] == 2


async def test_the_same_seed_gives_the_same_faults(autojump_clock: MockClock) -> None:
    async def told(seed: int) -> list[int]:
        faults = Faults(seed, refused=0.2, lost=0.2, throttled=0.2, failed=0.2)
        api, found = ApiServer().connect(faults=faults), list[int]()
        for _ in range(50):
            try:
                found.append((await api.request("GET", SERVICES)).status)
            except Unreachable:
                found.append(0)
        return found

    assert await told(1) == await told(1) != await told(2)
