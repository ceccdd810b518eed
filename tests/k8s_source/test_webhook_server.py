"""The webhook over real TLS on the loopback interface."""

import json
import logging
import os
import ssl
from contextlib import asynccontextmanager

import h11
import pytest
import trio
import trustme
from k8s_source.reviews import NAMESPACE, admission
from k8s_source.test_conversion import NEW, OLD, SPEC, body, peer
from proclaim import Latest
from proclaim.model import Pool
from proclaim.reporting import View
from proclaim.testing import given, node, pool, service
from proclaim_k8s_source.options import WebhookOptions
from proclaim_k8s_source.webhook import certificate, server
from proclaim_k8s_source.webhook.reporter import WebhookReporter, in_force
from proclaim_k8s_source.webhook.server import serve_webhook

POOLS = "/validate-metallb-io-v1beta1-ipaddresspool"
NAME = "metallb-webhook-service.metallb-system.svc"


class Authority:
    """An authority that puts certificates where the webhook looks for them."""

    def __init__(self, directory):
        self._directory = directory
        self.certificate, self.key = directory / "tls.crt", directory / "tls.key"
        self.renew()

    def renew(self):
        """Replace both files, by a certificate of another authority."""
        authority = trustme.CA()
        made = authority.issue_cert(NAME)
        for path, blob in [
            (self.certificate, made.cert_chain_pems[0]),
            (self.key, made.private_key_pem),
        ]:
            fresh = self._directory / "fresh"
            blob.write_to_path(fresh)
            os.replace(fresh, path)
        self.context = ssl.create_default_context()
        authority.configure_trust(self.context)


class Lines(logging.Handler):
    """What is logged, for tests that wait for it."""

    def __init__(self):
        super().__init__()
        self.said = []
        self._into, self._out = trio.open_memory_channel(100)

    def emit(self, record):
        self.said.append(record.getMessage())
        assert record.levelno < logging.ERROR, record.getMessage()
        self._into.send_nowait(record.getMessage())

    async def until(self, part):
        """Wait for a line with this in it."""
        with trio.fail_after(5):
            while part not in await self._out.receive():
                pass


@pytest.fixture(autouse=True)
def lines(monkeypatch):
    """The log of the webhook, in which nothing is an error."""
    handler = Lines()
    logger = logging.getLogger("proclaim.kubernetes.webhook")
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@asynccontextmanager
async def serving(authority, resources=(), host="127.0.0.1"):
    options = WebhookOptions(host, 0, str(authority.certificate), str(authority.key))
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(serve_webhook, options, NAMESPACE, lambda: resources)
        assert url.startswith("https://")
        with trio.fail_after(10):
            yield int(url.rpartition(":")[2])
        nursery.cancel_scope.cancel()


async def connect(authority, port, host="127.0.0.1"):
    tcp = await trio.open_tcp_stream(host, port)
    stream = trio.SSLStream(tcp, authority.context, server_hostname=NAME, https_compatible=True)
    await stream.do_handshake()
    return stream


async def ask(stream, path, data, method="POST", length=None):
    """Send one request and read its answer: status, body."""
    connection = h11.Connection(h11.CLIENT)
    headers = [("host", NAME), ("content-length", str(len(data) if length is None else length))]
    request = h11.Request(method=method, target=path, headers=headers)
    await stream.send_all(connection.send(request))
    if length is None:
        await stream.send_all(connection.send(h11.Data(data=data)))
        connection.send(h11.EndOfMessage())
    else:
        await stream.send_all(data)
    status, answer = 0, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            answer += bytes(event.data)
        else:
            return status, answer


async def once(authority, port, path, data, **more):
    stream = await connect(authority, port)
    answer = await ask(stream, path, data, **more)
    with trio.move_on_after(1):
        await stream.aclose()
    return answer


def allowed(answer):
    status, data = answer
    assert status == 200
    return json.loads(data)["response"]["allowed"]


GOOD = admission("IPAddressPool", {"addresses": ["198.51.100.0/24"]})
OVERLAPPING = admission("IPAddressPool", {"addresses": ["192.0.2.9/32"]})
IN_FORCE = [Pool("p", addresses=("192.0.2.0/24",))]


async def test_reviews_are_answered_on_one_connection_in_turn(authority):
    async with serving(authority, IN_FORCE) as port:
        stream = await connect(authority, port)
        assert stream.selected_alpn_protocol() in (None, "http/1.1")
        assert allowed(await ask(stream, POOLS, GOOD))
        assert not allowed(await ask(stream, POOLS, OVERLAPPING))
        assert allowed(await ask(stream, f"{POOLS}?timeout=10s", GOOD))
        status, data = await ask(stream, "/convert", body(NEW, peer(OLD, SPEC)))
        assert status == 200
        assert json.loads(data)["response"]["convertedObjects"] == [peer(NEW, SPEC)]
        await stream.aclose()


async def test_it_judges_by_what_is_in_force_now(authority):
    resources = []
    async with serving(authority, resources) as port:
        assert allowed(await once(authority, port, POOLS, OVERLAPPING))
        resources += [node("n1"), pool("p", "192.0.2.0/24")]
        assert not allowed(await once(authority, port, POOLS, OVERLAPPING))


@pytest.mark.parametrize(
    "kind", ["v1beta1-bfdprofile", "v1beta1-community", "v1beta2-bgppeer", "v1beta1-bgppeer"]
)
async def test_every_kind_has_its_path(authority, kind):
    async with serving(authority) as port:
        assert allowed(await once(authority, port, f"/validate-metallb-io-{kind}", GOOD))


async def test_what_is_not_accepted_is_explained(authority):
    async with serving(authority) as port:
        status, said = await once(authority, port, POOLS, b"{}")
        assert status == 400
        assert b"AdmissionReview" in said
        status, said = await once(authority, port, "/convert", GOOD)
        assert (status, b"ConversionReview" in said) == (400, True)
        assert (await once(authority, port, "/other", GOOD))[0] == 404
        assert (await once(authority, port, POOLS, b"", method="GET"))[0] == 405


async def test_a_body_that_is_too_large_is_not_read(authority, monkeypatch):
    monkeypatch.setattr(server, "_LARGEST_BODY", 1000)
    async with serving(authority) as port:
        assert (await once(authority, port, POOLS, b"x" * 2000))[0] == 413


async def test_a_body_that_does_not_come_is_not_waited_for(authority, monkeypatch):
    monkeypatch.setattr(server, "_BODY_WITHIN", 0.05)
    async with serving(authority) as port:
        assert (await once(authority, port, POOLS, b"{", length=100))[0] == 408


async def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(
    authority, monkeypatch, lines
):
    monkeypatch.setattr(certificate, "_LOOK_EVERY", 0.01)
    async with serving(authority, IN_FORCE) as port:
        lasting = await connect(authority, port)
        authority.key.write_text("no key")
        await lines.until("the certificate in")
        assert allowed(await once(authority, port, POOLS, GOOD))
        authority.renew()
        await lines.until("was renewed")
        assert allowed(await once(authority, port, POOLS, GOOD))
        assert allowed(await ask(lasting, POOLS, GOOD))
        await lasting.aclose()
    assert lines.said[0].startswith("serving the webhook at https://127.0.0.1:")
    assert not any("CTRL" in line for line in lines.said)


async def test_it_waits_for_a_certificate_that_comes_later(authority, monkeypatch, lines):
    monkeypatch.setattr(certificate, "_LOOK_EVERY", 0.01)
    authority.key.unlink()

    async def provide():
        await lines.until("No such file or directory")
        authority.renew()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(provide)
        async with serving(authority) as port:
            assert allowed(await once(authority, port, POOLS, GOOD))
    complaint = f"the certificate in {authority.certificate}: No such file or directory"
    assert lines.said.count(complaint) == 1


async def test_a_client_that_speaks_no_tls_harms_nobody(authority):
    async with serving(authority) as port:
        plain = await trio.open_tcp_stream("127.0.0.1", port)
        await plain.send_all(b"POST / HTTP/1.1\r\n\r\n")
        while await plain.receive_some():
            pass
        await plain.aclose()
        assert allowed(await once(authority, port, POOLS, GOOD))


async def test_it_listens_on_ipv6_too(authority):
    async with serving(authority, host="::1") as port:
        stream = await connect(authority, port, "::1")
        assert allowed(await ask(stream, POOLS, GOOD))
        await stream.aclose()


async def test_beside_other_reporters_it_judges_by_the_state(authority, lines):
    async def ignore(observation):
        raise AssertionError("it observes nothing")

    state = given(pool("p", "192.0.2.0/24"), node("n1"), service("web")).state
    assert {resource.ref.kind for resource in in_force(state)} == {"IPAddressPool", "Node"}
    options = WebhookOptions("127.0.0.1", 0, str(authority.certificate), str(authority.key))
    view = View("n1", Latest(state), lambda position: None, Latest(""))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(WebhookReporter(options, NAMESPACE).run, view, ignore)
        await lines.until("serving the webhook")
        port = int(lines.said[0].rpartition(":")[2])
        assert not allowed(await once(authority, port, POOLS, OVERLAPPING))
        nursery.cancel_scope.cancel()
