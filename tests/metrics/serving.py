"""A reporter that serves on loopback, and a client in a thread."""

import http.client
import socket
import ssl
from contextlib import asynccontextmanager
from typing import NamedTuple

import trio
from metrics.worlds import World
from proclaim import Settings, SystemHost
from proclaim_metrics.options import read_options
from proclaim_metrics.reporter import MetricsReporter


class Response(NamedTuple):
    status: int
    body: str
    headers: dict[str, str]


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


async def observe(observation):
    await trio.lowlevel.checkpoint()


class Served:
    def __init__(self, port: int, health_port: int, host: SystemHost) -> None:
        self.port = port
        self.health_port = health_port
        self.host = host
        self.stop = trio.CancelScope()

    async def get(self, path, method="GET", port=None, tls=None, **headers) -> Response:
        def ask():
            made = http.client.HTTPConnection
            more = {}
            if tls is not None:
                made, more = http.client.HTTPSConnection, {"context": tls}
            client = made("127.0.0.1", port or self.port, timeout=5, **more)
            try:
                client.request(method, path, headers=headers)
                answer = client.getresponse()
                told = {name.lower(): value for name, value in answer.getheaders()}
                return Response(answer.status, answer.read().decode(), told)
            finally:
                client.close()

        return await trio.to_thread.run_sync(ask)

    async def say(self, octets: bytes) -> bytes:
        """What comes back for some octets until the server has enough."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        async with stream:
            await stream.send_all(octets)
            await stream.send_eof()
            return b"".join([part async for part in stream])


@asynccontextmanager
async def serving(world: World, **table):
    """Serve a world with these settings; the port is free."""
    served = Served(free_port(), free_port(), SystemHost("n1"))
    given = {"listen": f"127.0.0.1:{served.port}"}
    given["health_listen"] = f"127.0.0.1:{served.health_port}"
    options = read_options(Settings("proclaim.toml", sections={"metrics": given | table}))
    reporter = MetricsReporter(options, served.host)

    async def run():
        with served.stop:
            await reporter.run(world.view, observe)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await _listening(served.port)
        yield served
        served.stop.cancel()


async def _listening(port: int) -> None:
    with trio.fail_after(5):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            except OSError:
                await trio.sleep(0.005)
            else:
                return


def trusting(authority) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
