"""The emulator over HTTP, with a real client."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trio
import yaml
from apiserver import ApiServer, objects
from apiserver.http import HttpServer

SERVICES = "/api/v1/services"


@asynccontextmanager
async def serving(
    server: ApiServer, tokens: dict[str, str] | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    http = HttpServer(server, tokens or {}, secure=False)
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, http.serve, [listener])
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
        nursery.cancel_scope.cancel()


async def test_lists_are_packed_for_who_takes_them_so() -> None:
    server = ApiServer()
    for number in range(200):
        server.create(objects.service(f"s{number}"))
    async with serving(server) as client:
        packed = await client.get(SERVICES)
        plain = await client.get(SERVICES, headers={"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert len(plain.json()["items"]) == 200


async def test_a_connection_is_kept() -> None:
    server = ApiServer()
    server.create(objects.service("s"))
    async with serving(server) as client:
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            response = await client.patch(
                "/api/v1/namespaces/default/services/s/status",
                content=json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}),
                headers={"content-type": "application/merge-patch+json", "user-agent": "me/1"},
            )
            assert response.status_code == 200
            assert "connection" not in response.headers
    found = server.get("Service", "s")

    assert found is not None
    assert found["metadata"]["managedFields"][0]["manager"] == "me"
    assert found["status"] == {"loadBalancer": {"ingress": [{"ip": "192.0.2.3", "ipMode": "VIP"}]}}


@pytest.mark.slow
async def test_events_are_sent_at_once_and_the_stream_ends_in_time() -> None:
    server = ApiServer()
    query = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": str(server.revision)}
    async with (
        serving(server) as client,
        client.stream("GET", SERVICES, params=query) as response,
    ):
        lines = response.aiter_lines()
        assert response.headers["transfer-encoding"] == "chunked"
        for name in ("a", "b"):
            server.create(objects.service(name))
            with trio.fail_after(0.9):
                assert json.loads(await anext(lines))["object"]["metadata"]["name"] == name
        assert [line async for line in lines] == []
        assert (await client.get("/version")).status_code == 200


async def test_a_client_that_goes_is_forgotten() -> None:
    server = ApiServer()
    table = server.machinery.store.table(server.machinery.find("", "v1", "services").kind)
    async with serving(server) as client:
        async with client.stream("GET", SERVICES, params={"watch": "1"}):
            assert len(table.listeners) == 1
        with trio.fail_after(5):
            while table.listeners:  # noqa: ASYNC110 - the server tells nobody
                await trio.sleep(0.001)
        assert (await client.get("/version")).status_code == 200


async def test_a_token_is_needed_where_there_are_some() -> None:
    async with serving(ApiServer(), {"secret": "proclaim"}) as client:
        none = await client.get(SERVICES)
        wrong = await client.get(SERVICES, headers={"authorization": "Bearer other"})
        right = await client.get(SERVICES, headers={"authorization": "Bearer secret"})

    assert [one.status_code for one in (none, wrong, right)] == [401, 401, 200]
    assert none.json()["reason"] == "Unauthorized"


async def test_a_restart_breaks_connections_and_forgets() -> None:
    server = ApiServer()
    server.create(objects.service("s"))
    old = server.revision
    server.patch("Service", "s", {"metadata": {"labels": {"a": "1"}}})
    query = {"watch": "1", "resourceVersion": str(server.revision)}
    async with serving(server) as client:
        async with client.stream("GET", SERVICES, params=query) as response:
            assert (await client.post("/emulator/restart")).status_code == 200
            with pytest.raises(httpx2.TransportError):
                await response.aread()
        late = await client.get(SERVICES, params={**query, "resourceVersion": str(old)})

    assert late.json()["object"]["code"] == 410


async def test_an_outage_refuses_connections_for_a_while() -> None:
    async with serving(ApiServer()) as client:
        await client.post("/emulator/outage", params={"seconds": "0.05"})
        with pytest.raises(httpx2.TransportError):
            await client.get("/version")
        await trio.sleep(0.06)
        assert (await client.get("/version")).status_code == 200


async def test_requests_are_counted() -> None:
    async with serving(ApiServer()) as client:
        await client.get(SERVICES, headers={"user-agent": "me/1"})
        counted = (await client.get("/emulator/requests", params={"reset": "true"})).json()
        again = (await client.get("/emulator/requests")).json()

    assert counted == [["me/1", "list", "services", 1]]
    assert again == []


async def test_what_is_no_request_is_refused() -> None:
    async with serving(ApiServer()) as client:
        url = httpx2.URL(client.base_url)
        stream = await trio.open_tcp_stream(url.host, url.port or 0)
        await stream.send_all(b"nonsense\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 400 ")
        assert await stream.receive_some() == b""
        await stream.aclose()


@pytest.mark.slow
def test_a_process_serves_over_tls(tmp_path: Path) -> None:
    objects_file = tmp_path / "objects.yaml"
    objects_file.write_text(yaml.safe_dump(objects.pool("p", "192.0.2.0/24")))
    folder = tmp_path / "tls"
    here = Path(__file__).parent.parent
    arguments = ["--tls-dir", str(folder), "--token", "me=secret", "--load", str(objects_file)]
    with subprocess.Popen(
        [sys.executable, "-m", "apiserver", *arguments],
        env={**os.environ, "PYTHONPATH": str(here)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            certificate = (str(folder / "client.crt"), str(folder / "client.key"))
            path = f"{url}/apis/metallb.io/v1beta1/ipaddresspools"
            bare, shown = _trusting(folder, None), _trusting(folder, certificate)
            bearer = {"authorization": "Bearer secret"}
            statuses = [
                httpx2.get(path, verify=context, headers=headers, trust_env=False).status_code
                for context, headers in ((bare, {}), (shown, {}), (bare, bearer))
            ]
        finally:
            process.send_signal(signal.SIGTERM)
    config = yaml.safe_load((folder / "kubeconfig").read_text())

    assert statuses == [401, 200, 200]
    assert config["clusters"][0]["cluster"]["server"] == url
    assert config["users"][0]["user"] == {"token": "secret"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            yaml.safe_dump({**objects.pool("p", "192.0.2.0/24"), "spec": {"addresses": "x"}}),
            'IPAddressPool.metallb.io "p" is invalid: spec.addresses',
        ),
        ("apiVersion: v9\nkind: Nope\nmetadata: {name: a}\n", "no kind Nope in v9"),
        ("apiVersion: v1\nkind: Service\n", "not an object of Kubernetes"),
        ("hello\n", "not an object of Kubernetes: hello"),
        ("a: [\n", "while parsing"),
    ],
)
def test_what_cannot_be_loaded_is_one_clear_error(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "apiserver", "--load", str(file)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"apiserver: {file}: {said}")
    assert "Traceback" not in ended.stderr


def _trusting(folder: Path, certificate: tuple[str, str] | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context
