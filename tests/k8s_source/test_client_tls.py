"""The client over TLS and through proxies: whom it believes, and what it shows."""

import json
import os
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
import trustme
from cryptography.hazmat.primitives import serialization as forms
from k8s_source.papers import AUTHORITY, STRANGER, TRUSTED, client_pair, server_side
from k8s_source.web import fine, pump, serving, tunnelling
from proclaim import SettingsError
from proclaim_k8s_source.access.api import Unreachable
from proclaim_k8s_source.access.client import open_client
from proclaim_k8s_source.access.value import Access, Pem, Plugin, Token

SECRET = "hunter2-planted"


@asynccontextmanager
async def talking(context, host="127.0.0.1", authority=TRUSTED, **fields):
    """A client and the server that has this TLS side; `host` is how the client calls it."""
    async with serving(fine, context) as server:
        url = f"https://{host}:{server.port}"
        access = Access(url, "a test", Token(SECRET), Pem(authority), **fields)
        async with open_client(access, "node-1") as client:
            yield client, server


async def refused(context, **fields):
    """What a person is told when there is no answer."""
    async with talking(context, **fields) as (client, server):
        with pytest.raises(Unreachable) as caught:
            await client.request("GET", "/x")
    assert not server.seen
    assert SECRET not in repr(caught.value)
    return str(caught.value)


@asynccontextmanager
async def listening(handle):
    """The access to something that takes connections and is no server of ours."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        port = listener.socket.getsockname()[1]
        yield Access(f"https://127.0.0.1:{port}", "a test", authority=Pem(TRUSTED))
        nursery.cancel_scope.cancel()


async def test_a_server_of_the_trusted_authority_is_believed_and_its_connection_kept():
    async with talking(server_side()) as (client, server):
        for _ in range(5):
            assert (await client.request("PATCH", "/x", body=b"{}")).ok
    assert server.accepted == 1


async def test_a_server_of_another_authority_is_not_believed():
    said = await refused(server_side(authority=STRANGER))
    assert said.endswith(
        "its certificate is not from the certificate authority that is trusted here"
    )


async def test_the_systems_authorities_count_when_none_is_given():
    assert "is not from the certificate authority" in await refused(server_side(), authority=b"")


async def test_a_certificate_for_another_name_is_not_believed():
    said = await refused(server_side("api.internal"))
    assert "its certificate is for another name: " in said
    assert "tls-server-name" in said


async def test_the_subjects_common_name_does_not_count():
    named = AUTHORITY.issue_cert(common_name="localhost")
    context = server_side()
    named.configure_cert(context)
    assert "its certificate is for another name" in await refused(context, host="localhost")


async def test_tls_server_name_says_which_name_to_expect():
    context, asked = server_side("api.internal"), []
    context.sni_callback = lambda socket, name, context: asked.append(name)
    async with talking(context, tls_server_name="api.internal") as (client, _):
        assert (await client.request("GET", "/x")).ok
    assert asked == ["api.internal"]


async def test_an_expired_certificate_is_not_believed():
    assert (await refused(server_side(expired=True))).endswith("its certificate has expired")


async def test_any_certificate_of_the_bundle_ends_a_chain_as_it_does_in_go():
    middle = AUTHORITY.create_child_ca()
    context = server_side(authority=middle)
    async with talking(context, authority=middle.cert_pem.bytes()) as (client, _):
        assert (await client.request("GET", "/x")).ok


async def test_insecure_believes_anything_and_warns_once(caplog):
    context = server_side("other.internal", authority=STRANGER, expired=True)
    async with talking(context, authority=b"", insecure=True) as (client, _):
        for _ in range(3):
            assert (await client.request("GET", "/x")).ok
    (warning,) = caplog.records
    assert "is not checked" in warning.message


async def test_a_server_that_speaks_no_tls():
    async def plain(stream):
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")

    async with listening(plain) as access, open_client(access, "node-1") as client:
        with pytest.raises(Unreachable, match="it does not speak TLS"):
            await client.request("GET", "/x")


# Client certificates


async def test_a_server_gets_the_client_certificate_that_it_wants():
    certificate, key = client_pair()
    shown = {"certificate": Pem(certificate), "key": Pem(key)}
    open_before = len(os.listdir("/proc/self/fd"))
    async with talking(server_side(wants=True), **shown) as (client, _):
        assert (await client.request("GET", "/x")).ok
    assert len(os.listdir("/proc/self/fd")) == open_before


def refusing(context):
    """A server that says why it ends a handshake, as those in Go do and trio does not."""

    async def handle(stream):
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(received, sent, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await stream.send_all(sent.read())
                received.write(await stream.receive_some())
            except ssl.SSLError:
                await stream.send_all(sent.read())
                return

    return handle


async def test_a_server_that_wants_a_client_certificate_and_gets_none():
    refuses = refusing(server_side(wants=True))
    async with listening(refuses) as access, open_client(access, "node-1") as client:
        with pytest.raises(Unreachable, match=r"or wants one \(.*certificate required\)"):
            await client.request("GET", "/x")


async def test_a_server_that_does_not_believe_the_client_certificate():
    certificate, key = client_pair(STRANGER)
    async with listening(refusing(server_side(wants=True))) as access:
        access = replace(access, certificate=Pem(certificate), key=Pem(key))
        async with open_client(access, "node-1") as client:
            with pytest.raises(Unreachable, match="it does not accept our client certificate"):
                await client.request("GET", "/x")


async def test_an_exec_plugin_may_give_the_client_certificate():
    certificate, key = client_pair()
    version = "client.authentication.k8s.io/v1"
    status = {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}
    said = json.dumps({"apiVersion": version, "status": status})
    async with serving(fine, server_side(wants=True)) as server:
        access = Access(server.url, "a test", Plugin(version, "/bin/echo", (said,)), Pem(TRUSTED))
        async with open_client(access, "node-1") as client:
            assert (await client.request("GET", "/x")).ok
            assert (await client.request("GET", "/x")).ok
    assert server.accepted == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"authority": Pem(b"no pem")}, "a test: the certificate authority is not a PEM text"),
        ({"authority": Pem(path="/nowhere/ca.crt")}, "/nowhere/ca.crt: cannot be read: No such"),
        (
            {"authority": Pem(path="/nowhere/ca.crt", named_by="/c: clusters[a].cluster.x")},
            "^/c: clusters.a..cluster.x: /nowhere/ca.crt: cannot be read: No such",
        ),
        (
            {"certificate": Pem(TRUSTED), "key": Pem(SECRET.encode())},
            "a test: the client certificate and its key are not PEM, or not a pair",
        ),
    ],
)
async def test_certificates_that_cannot_be_used_are_named_at_once(fields, said):
    with pytest.raises(SettingsError, match=said) as caught:
        async with open_client(Access("https://a", "a test", **fields), "node-1"):
            pass
    assert SECRET not in str(caught.value)


async def test_an_encrypted_key_asks_nobody():
    certificate, key = client_pair()
    encrypted = forms.load_pem_private_key(key, None).private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.BestAvailableEncryption(b"pass")
    )
    access = Access("https://a", "t", certificate=Pem(certificate), key=Pem(encrypted))
    with pytest.raises(SettingsError, match="or the key has a password"):
        async with open_client(access, "node-1"):
            pass


# Certificates that rotate


async def test_a_new_authority_is_read_when_the_server_is_no_longer_believed(tmp_path):
    file = tmp_path / "ca.crt"
    file.write_bytes(STRANGER.cert_pem.bytes())
    async with serving(fine, server_side()) as server:
        access = Access(server.url, "a test", authority=Pem(path=str(file)))
        async with open_client(access, "node-1") as client:
            with pytest.raises(Unreachable, match="is not from the certificate authority"):
                await client.request("GET", "/x")
            file.write_bytes(TRUSTED)
            assert (await client.request("PATCH", "/x", body=b"{}")).ok
            assert len(server.seen) == 1


async def test_a_new_client_certificate_is_used_within_five_minutes(tmp_path, mock_clock):
    def write(authority):
        certificate, key = client_pair(authority)
        (tmp_path / "me.crt").write_bytes(certificate)
        (tmp_path / "me.key").write_bytes(key)

    second = trustme.CA()
    context = server_side(wants=True)
    second.configure_trust(context)
    write(AUTHORITY)
    async with serving(fine, context) as server:
        access = Access(
            server.url,
            "a test",
            authority=Pem(TRUSTED),
            certificate=Pem(path=str(tmp_path / "me.crt")),
            key=Pem(path=str(tmp_path / "me.key")),
        )
        async with open_client(access, "node-1") as client:
            await client.request("GET", "/x")
            write(second)
            mock_clock.jump(299)
            await client.request("GET", "/x")
            assert server.accepted == 1
            mock_clock.jump(1)
            await client.request("GET", "/x")
            assert server.accepted == 2
            await server.until_ended(1)


async def test_a_file_that_is_gone_leaves_the_certificates_in_use(tmp_path, mock_clock, caplog):
    file = tmp_path / "ca.crt"
    file.write_bytes(TRUSTED)
    async with serving(fine, server_side()) as server:
        access = Access(server.url, "a test", authority=Pem(path=str(file)))
        async with open_client(access, "node-1") as client:
            file.unlink()
            mock_clock.jump(300)
            assert (await client.request("GET", "/x")).ok
    assert "stay in use" in caplog.text


# Handshakes that do not end


@pytest.mark.parametrize(
    ("seconds", "said"), [(10, "no connection came about in time"), (1, "no answer came within 1 ")]
)
async def test_a_handshake_that_does_not_end_is_given_up(mock_clock, seconds, said):
    ended = trio.Event()

    async def silent(stream):
        async for _ in stream:
            pass
        ended.set()

    async with listening(silent) as access, open_client(access, "node-1") as client:
        mock_clock.autojump_threshold = 0.02
        client.answer_seconds = seconds
        with pytest.raises(Unreachable, match=said):
            await client.request("GET", "/x")
        mock_clock.autojump_threshold = float("inf")
        await ended.wait()


# Proxies


async def test_a_proxy_tunnels_to_the_server_and_sees_no_token():
    async with tunnelling() as proxy, talking(server_side(), proxy=proxy.url) as (client, server):
        for _ in range(3):
            assert (await client.request("GET", "/x")).ok
    assert [(seen.method, seen.target) for seen in proxy.seen] == [
        ("CONNECT", f"127.0.0.1:{server.port}")
    ]
    assert SECRET not in str(proxy.seen)
    assert SECRET in server.seen[0].headers["authorization"]


async def test_an_ipv6_server_behind_a_proxy():
    async with tunnelling() as proxy, serving(fine, server_side("::1"), host="::1") as server:
        access = Access(
            f"https://[::1]:{server.port}", "a test", authority=Pem(TRUSTED), proxy=proxy.url
        )
        async with open_client(access, "node-1") as client:
            assert (await client.request("GET", "/x")).ok
    assert proxy.seen[0].target == f"[::1]:{server.port}"


async def test_a_proxy_gets_the_password_of_its_url():
    async with tunnelling() as proxy:
        url = proxy.url.replace("//", "//me:p%40ss@")
        async with talking(server_side(), proxy=url) as (client, _):
            await client.request("GET", "/x")
    assert proxy.seen[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


async def test_a_proxy_that_refuses_is_named():
    async with tunnelling(refuse="407 Proxy Authentication Required") as proxy:
        url = proxy.url.replace("//", f"//me:{SECRET}@")
        said = await refused(server_side(), proxy=url)
    assert said.endswith("the proxy refused: 407 Proxy Authentication Required")


async def test_connections_that_fail_behind_a_proxy_do_not_use_up_the_places():
    async with (
        tunnelling() as proxy,
        talking(server_side(authority=STRANGER), proxy=proxy.url) as (client, _),
    ):
        for _ in range(70):  # more than there may be connections
            with pytest.raises(Unreachable, match="is not from the certificate authority"):
                await client.request("GET", "/x")
        await proxy.until_ended(proxy.accepted)


async def test_a_socks_proxy():
    names = []

    async def socks(near):
        await near.receive_some()  # RFC 1928 section 3: which ways to authenticate are known
        await near.send_all(b"\5\0")
        asked = await near.receive_some()  # section 4: connect to an IPv4 address
        names.append(asked[:4])
        far = await trio.open_tcp_stream("127.0.0.1", int.from_bytes(asked[8:10], "big"))
        await near.send_all(b"\5\0\0\1" + bytes(6))
        async with far, trio.open_nursery() as pumps:
            pumps.start_soon(pump, near, far, pumps.cancel_scope)
            pumps.start_soon(pump, far, near, pumps.cancel_scope)

    async with listening(socks) as way:
        proxy = way.server.replace("https", "socks5")
        async with talking(server_side(), proxy=proxy) as (client, _):
            assert (await client.request("GET", "/x")).ok
    assert names == [b"\5\1\0\1"]
