"""The client against servers on loopback: requests, streams, and what goes wrong with them."""

import json
import logging
from contextlib import asynccontextmanager, contextmanager

import h11
import pytest
import trio
from k8s_source.web import Reply, fine, never, serving
from proclaim_k8s_source.access.api import MERGE_PATCH, Refused, Unreachable
from proclaim_k8s_source.access.client import open_client
from proclaim_k8s_source.access.value import Access, Anonymous, Plugin, Token, TokenFile
from proclaim_k8s_source.election.messages import Rules
from proclaim_k8s_source.election.record import Place

SECRET = "hunter2-planted"
NOBODY = Anonymous()


@asynccontextmanager
async def talking(answer=fine, credentials=NOBODY, path="", **options):
    async with serving(answer) as server:
        access = Access(server.url + path, "a test", credentials)
        async with open_client(access, "node-1", **options) as client:
            yield client, server


def bearer(seen):
    return seen.headers.get("authorization", "").removeprefix("Bearer ")


# Requests


async def test_a_request_says_all_that_it_was_asked_to():
    async def answer(seen):
        return Reply(201, b'{"kind":"Service"}', (("Audit-ID", "7"),))

    async with talking(answer, Token(SECRET)) as (client, server):
        response = await client.request(
            "PATCH",
            "/api/v1/services/a/status",
            [("fieldManager", "proclaim"), ("labelSelector", "a=b,c in (d)")],
            b'{"status":{}}',
            MERGE_PATCH,
        )
    assert (response.status, response.body) == (201, b'{"kind":"Service"}')
    assert response.headers["audit-id"] == "7"
    (seen,) = server.seen
    assert seen.method == "PATCH"
    path, _, query = seen.target.partition("?")
    assert path == "/api/v1/services/a/status"
    assert query == "fieldManager=proclaim&labelSelector=a%3Db%2Cc+in+%28d%29"
    assert seen.body == b'{"status":{}}'
    assert seen.headers["content-type"] == MERGE_PATCH
    assert seen.headers["user-agent"].startswith("proclaim/")
    assert seen.headers["user-agent"].endswith(" (node-1)")
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert bearer(seen) == SECRET


async def test_a_path_of_the_server_goes_before_the_path_of_a_request():
    async with talking(path="/k8s/clusters/c-1") as (client, server):
        await client.request("GET", "/api/v1/nodes")
    assert server.seen[0].target == "/k8s/clusters/c-1/api/v1/nodes"


async def test_an_error_of_the_server_is_an_answer():
    async def answer(seen):
        return Reply(409, b'{"kind":"Status","reason":"Conflict"}')

    async with talking(answer) as (client, server):
        response = await client.request("PUT", "/x", body=b"{}")
    assert response.status == 409
    assert not response.ok
    assert len(server.seen) == 1


async def test_a_redirect_is_not_followed():
    async def answer(seen):
        return Reply(302, headers=(("Location", "http://elsewhere.example/"),))

    async with talking(answer, Token(SECRET)) as (client, _):
        assert (await client.request("GET", "/x")).status == 302


async def test_connections_are_kept_and_used_again():
    async with talking() as (client, server):
        for _ in range(20):
            await client.request("GET", "/x")
        assert server.accepted == 1

        async def write():
            for _ in range(10):
                await client.request("PATCH", "/x", body=b"{}")

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(write)
    assert len(server.seen) == 100
    assert server.accepted <= 8


async def test_closing_the_client_ends_every_connection():
    async def answer(seen):
        return Reply(rest=trickle) if "watch" in seen.target else Reply()

    async with serving(answer) as server:
        async with open_client(Access(server.url, "a test"), "node-1") as client:
            await client.request("GET", "/x")
            async with client.stream("/watch") as pieces:
                await anext(pieces)
                await client.request("GET", "/x")
        await server.until_ended(server.accepted)


async def test_a_connection_that_the_server_ended_is_not_used_again():
    async def answer(seen):
        return Reply(headers=(("Connection", "close"),))

    async with talking(answer) as (client, server):
        for _ in range(3):
            assert (await client.request("PATCH", "/x", body=b"{}")).ok
    assert server.accepted == 3


def cutting(after):
    """Cuts the connection instead of answering, until so many requests have come."""
    cut = []

    async def answer(seen):
        if len(cut) < after:
            cut.append(seen)
            raise h11.RemoteProtocolError("the server had enough")
        return Reply()

    return answer


async def test_a_get_is_sent_again_once_when_the_connection_ended():
    async with talking(cutting(1)) as (client, server):
        assert (await client.request("GET", "/x")).ok
    assert len(server.seen) == 2
    async with talking(cutting(2)) as (client, server):
        with pytest.raises(Unreachable, match="the connection ended before the answer"):
            await client.request("GET", "/x")
    assert len(server.seen) == 2


async def test_a_write_is_never_sent_again():
    async with talking(cutting(1)) as (client, server):
        with pytest.raises(Unreachable, match="the connection ended before the answer"):
            await client.request("PATCH", "/x", body=b"{}")
    assert len(server.seen) == 1


# The rate of requests


async def test_requests_wait_for_their_turn(mock_clock):
    async with talking(requests_per_second=1, burst=2) as (client, server):
        for _ in range(2):
            await client.request("GET", "/x")
        with trio.move_on_after(0.9):
            mock_clock.autojump_threshold = 0.05
            await client.request("GET", "/x")
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("status", "after", "pause"),
    [(429, "2", 2), (503, "3", 3), (503, "3600", 3), (429, "soon", 0), (500, "2", 0)],
)
async def test_a_pause_that_the_server_asks_for_is_kept(mock_clock, status, after, pause):
    async def answer(seen):
        return Reply(status, headers=(("Retry-After", after),))

    async with talking(answer, requests_per_second=1000) as (client, _):
        assert (await client.request("GET", "/x")).status == status
        mock_clock.autojump_threshold = 0.05
        before = trio.current_time()
        await client.request("GET", "/x")
        assert trio.current_time() - before == pytest.approx(pause, abs=0.01)


async def test_a_pause_leaves_time_to_renew_the_lease(mock_clock):
    async def answer(seen):
        if seen.target == "/lease":
            return Reply()
        return Reply(503, headers=(("Retry-After", "3600"),))

    async with talking(answer) as (client, _):
        await client.request("GET", "/x")
        mock_clock.autojump_threshold = 0.05
        with trio.fail_after(Rules(Place("here", "lease"), "me").answer_seconds):
            assert (await client.request("PUT", "/lease", body=b"{}")).ok


# Credentials


async def test_a_token_that_rotated_is_read_again_after_a_401(tmp_path):
    file = tmp_path / "token"
    file.write_text("old")

    async def answer(seen):
        return Reply(200 if bearer(seen) == good else 401)

    good = "old"
    async with talking(answer, TokenFile(str(file))) as (client, server):
        assert (await client.request("GET", "/x")).ok
        good = "new"
        assert (await client.request("GET", "/x")).status == 401, "the file is still the old one"
        file.write_text("new")
        assert (await client.request("PATCH", "/x", body=b"{}")).ok
        async with client.stream("/x") as pieces:
            assert await anext(pieces) == b"{}"
    assert [bearer(seen) for seen in server.seen] == ["old", "old", "old", "new", "new"]
    assert server.accepted == 1


async def test_a_watch_gets_a_new_token_too(tmp_path):
    file = tmp_path / "token"
    file.write_text("old")

    async def answer(seen):
        if bearer(seen) == "old":
            file.write_text("new")
            return Reply(401)
        return Reply(body=b"event")

    async with talking(answer, TokenFile(str(file))) as (client, _), client.stream("/x") as pieces:
        assert await anext(pieces) == b"event"


async def test_a_token_of_an_exec_plugin(tmp_path):
    version = "client.authentication.k8s.io/v1"
    said = json.dumps({"apiVersion": version, "status": {"token": SECRET}})
    plugin = Plugin(version, "/bin/echo", (said,))
    async with talking(credentials=plugin) as (client, server):
        await client.request("GET", "/x")
    assert bearer(server.seen[0]) == SECRET


# Streams


async def trickle():
    """Events in pieces that end anywhere, and then silence."""
    for piece in (b'{"type":"AD', b'DED"}\n{"type"', b':"MODIFIED"}\n'):
        yield piece
    await trio.sleep_forever()


async def test_a_stream_gives_its_pieces_as_they_come():
    async def answer(seen):
        return Reply(body=b"", rest=trickle)

    async with talking(answer) as (client, _), client.stream("/w", [("watch", "1")]) as pieces:
        text = b""
        while text.count(b"\n") < 2:
            text += await anext(pieces)
    assert text == b'{"type":"ADDED"}\n{"type":"MODIFIED"}\n'


async def test_a_stream_ends_when_the_server_ends_it_and_the_connection_is_kept():
    async def answer(seen):
        async def two():
            yield b"a"
            yield b"b"

        return Reply(body=b"", rest=two)

    async with talking(answer) as (client, server):
        for _ in range(3):
            async with client.stream("/w") as pieces:
                assert b"".join([piece async for piece in pieces]) == b"ab"
    assert server.accepted == 1


async def test_a_stream_that_breaks_is_unreachable():
    async def answer(seen):
        async def broken():
            yield b"a"
            raise trio.BrokenResourceError

        return Reply(body=b"", rest=broken)

    async with talking(answer) as (client, _), client.stream("/w") as pieces:
        assert await anext(pieces) == b"a"
        with pytest.raises(Unreachable, match="the connection ended before the answer did"):
            await anext(pieces)


async def test_a_stream_that_is_refused_says_what_the_server_said():
    async def answer(seen):
        return Reply(410, b'{"kind":"Status","message":"too old","reason":"Expired"}')

    async with talking(answer) as (client, _):
        with pytest.raises(Refused, match="GET /w: 410 too old") as caught:
            async with client.stream("/w"):
                pass
    assert caught.value.status == 410


async def test_a_quiet_stream_is_waited_for_as_long_as_it_takes(mock_clock):
    async def answer(seen):
        return Reply(body=b"", rest=trickle)

    async with talking(answer) as (client, _), client.stream("/w") as pieces:
        while not (await anext(pieces)).endswith(b"\n"):
            pass
        mock_clock.autojump_threshold = 0.01
        with trio.move_on_after(3600) as patience:
            await anext(pieces)
        assert patience.cancelled_caught


async def test_cancelling_a_stream_is_prompt_and_leaves_the_client_usable():
    async def answer(seen):
        return Reply(body=b"", rest=trickle) if "watch" in seen.target else Reply()

    async with talking(answer) as (client, server):
        for _ in range(100):  # more than there may be connections
            with trio.CancelScope() as scope:
                async with client.stream("/watch") as pieces:
                    async for _ in pieces:
                        scope.cancel()
        assert (await client.request("GET", "/x")).ok
        await server.until_ended(100)


async def test_cancelling_requests_leaves_the_client_usable():
    async def answer(seen):
        return await never(seen) if "slow" in seen.target else Reply()

    async with talking(answer, burst=1000) as (client, server):
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                for _ in range(70):  # more than there may be connections
                    nursery.start_soon(client.request, "GET", "/slow")
                while server.accepted - server.ended < 64:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            await server.until_ended(server.accepted)
        assert (await client.request("GET", "/x")).ok


# Trouble


async def test_a_server_that_never_answers_is_unreachable_within_the_time():
    async with talking(never) as (client, server):
        client.answer_seconds = 0.05
        with pytest.raises(Unreachable, match=r"no answer came within 0\.05 seconds"):
            await client.request("GET", "/x")
        await server.until_ended(1)


async def test_a_stream_that_does_not_begin_is_unreachable_too(mock_clock):
    async with talking(never) as (client, _):
        mock_clock.autojump_threshold = 0.02
        with pytest.raises(Unreachable, match="no answer came within 10 seconds"):
            async with client.stream("/w"):
                pass


async def sometimes(seen):
    """Goes on where a watch is asked for, is silent where a slow answer is, else answers."""
    if "slow" in seen.target:
        return await never(seen)
    return Reply(rest=trickle) if "watch" in seen.target else Reply()


async def ask_at_once(client, number):
    """Leaves so many connections that idle."""
    async with trio.open_nursery() as nursery:
        for _ in range(number):
            nursery.start_soon(client.request, "GET", "/x")


@contextmanager
def soon_given_up(client):
    """What is asked here gets no answer for a while that is shorter than any other."""
    usual, client.answer_seconds = client.answer_seconds, 0.05
    with pytest.raises(Unreachable, match="no answer came within"):
        yield
    client.answer_seconds = usual


@pytest.mark.parametrize("path", ["/slow", "/watch"])
async def test_after_a_silence_no_older_connection_is_used(path):
    async with talking(sometimes) as (client, server):
        await ask_at_once(client, 5)
        with soon_given_up(client):
            await client.request("PATCH", path)
        await server.until_ended(server.accepted)
        assert (await client.request("PATCH", "/x", body=b"{}")).ok


async def test_after_a_silence_a_watch_goes_on_and_older_connections_end_with_it():
    async with talking(sometimes) as (client, server):
        async with client.stream("/watch") as pieces:
            await anext(pieces)
            await ask_at_once(client, 5)
            with soon_given_up(client):
                await client.request("PATCH", "/slow")
            assert await anext(pieces)
        await server.until_ended(server.accepted)


async def unreachable(url):
    async with open_client(Access(url, "a test", Token(SECRET)), "node-1") as client:
        with pytest.raises(Unreachable) as caught:
            await client.request("GET", "/x")
    assert SECRET not in repr(caught.value)
    return str(caught.value)


async def test_nothing_listens_there():
    async with serving() as server:
        pass
    assert await unreachable(server.url) == (
        f"{server.url}: nothing listens there (connection refused)"
    )


async def test_a_name_without_an_address():
    said = await unreachable("http://api.invalid:6443")
    assert said.startswith("http://api.invalid:6443: its name cannot be resolved: ")


async def test_something_else_than_a_web_server_answers():
    async def rude(stream):
        await stream.send_all(b"220 mail.example ESMTP\r\n")
        await stream.receive_some()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, rude, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        assert (await unreachable(url)).endswith("or it does not speak HTTP")
        nursery.cancel_scope.cancel()


async def test_no_log_has_a_secret(caplog):
    caplog.set_level(logging.DEBUG)

    async def answer(seen):
        return Reply(401)

    async with talking(answer, Token(SECRET)) as (client, _):
        await client.request("PATCH", "/x", body=SECRET.encode())
        assert SECRET not in repr(client)
    assert "receive_response_headers" in caplog.text
    assert SECRET not in caplog.text
