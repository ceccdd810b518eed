"""The reporter with real HTTP on loopback."""

import logging
import os
import ssl
from contextlib import suppress

import pytest
import trio
import trio.testing
import trustme
from metrics.serving import free_port, observe, serving, trusting
from metrics.worlds import NODE, World, parse
from proclaim import Authority, Settings, SettingsError, Spread, SystemHost
from proclaim.testing import assigned, given, node, pool, service
from proclaim_metrics import server
from proclaim_metrics.options import read_options
from proclaim_metrics.reporter import MetricsReporter
from prometheus_client import Counter, Histogram

STATE = given(
    pool("public", "192.0.2.0/28"), node(NODE), service("a"), assigned("a", "192.0.2.0")
).state


def world():
    return World(STATE, *Spread)


async def test_metrics_are_served_in_the_format_of_prometheus():
    async with serving(world()) as served:
        answer = await served.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = parse(answer.body)
    assert found['metallb_allocator_addresses_in_use_total{pool="public"}'] == 1
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_cpu_seconds_total"] > 0
    assert found["proclaim_loop_lag_seconds"] >= 0


async def test_what_others_registered_is_served_with_its_own_names():
    async with serving(world()) as served:
        asked = Counter("things", "Things.", ["of"], registry=served.host.metrics)
        asked.labels("a").inc(3)
        took = Histogram("took_seconds", "Time.", buckets=(1,), registry=served.host.metrics)
        took.observe(0.5)
        body = (await served.get("/metrics")).body
    found = parse(body)
    assert found['things_total{of="a"}'] == 3
    assert found['took_seconds_bucket{le="1.0"}'] == found["took_seconds_count"] == 1
    assert "_created" not in body
    assert "# TYPE things_total counter\n" in body


async def test_a_collector_that_raises_is_an_answer_and_a_line_in_the_log(caplog):
    class Bad:
        def collect(self):
            raise ValueError("no")

    async with serving(world()) as served:
        served.host.metrics.register(Bad())
        answer = await served.get("/metrics")
        assert (await served.get("/healthz")).status == 200
    assert answer.status == 500
    assert "/metrics cannot be answered: ValueError: no" in caplog.messages
    assert not any(record.exc_info for record in caplog.records)


async def test_health_is_said_in_words():
    started = World(given(Authority.FOLLOW).state, *Spread)
    async with serving(started) as served:
        assert (await served.get("/healthz"))[:2] == (200, "ok\n")
        unheard = await served.get("/readyz")
        assert unheard[:2] == (503, "no source has been heard, now or before\n")
        assert unheard.headers["content-type"].startswith("text/plain")
        started.state.set(given(Authority.FOLLOW, node(NODE)).state)
        assert (await served.get("/readyz?verbose"))[:2] == (200, "ok\n")


async def test_a_full_disk_is_unready_and_alive():
    full = world()
    full.failing.set("/var/lib/proclaim/ledger.db: disk is full")
    async with serving(full) as served:
        assert (await served.get("/readyz"))[:2] == (
            503,
            "the ledger cannot be written: /var/lib/proclaim/ledger.db: disk is full\n",
        )
        assert (await served.get("/healthz")).status == 200
        metrics = parse((await served.get("/metrics")).body)
    assert metrics["proclaim_ledger_writable_bool"] == 0


async def test_the_second_listener_has_health_alone():
    async with serving(world()) as served:
        port = served.health_port
        statuses = [
            (await served.get(path, port=port)).status
            for path in ("/healthz", "/readyz", "/metrics")
        ]
    assert statuses == [200, 200, 404]


async def test_other_paths_and_methods_are_refused():
    async with serving(world()) as served:
        lost = await served.get("/")
        assert lost[:2] == (404, "there is only /metrics, /healthz, /readyz\n")
        posted = await served.get("/metrics", "POST")
        assert (posted.status, posted.headers["allow"]) == (405, "GET, HEAD")
        headed = await served.get("/metrics", "HEAD")
        assert (headed.status, headed.body) == (200, "")
        assert int(headed.headers["content-length"]) > 1000


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"hello\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),  # without a Host
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000, b"HTTP/1.1 431"),
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /he", b"HTTP/1.1 400"),
        (b"", b""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"HTTP/1.1 400"),
    ],
)
async def test_what_is_no_request_is_refused_and_harms_nobody(said, answered):
    async with serving(world()) as served:
        came = await served.say(said)
        assert came.startswith(answered)
        assert bool(came) == bool(answered)
        assert (await served.get("/healthz")).status == 200


async def test_a_connection_is_kept_for_the_next_request():
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    async with serving(world()) as served:
        came = await served.say(ask + post + ask)
    assert came.count(b"HTTP/1.1 200") == 2
    assert came.count(b"HTTP/1.1 405") == 1


async def test_a_token_is_needed_for_metrics_where_there_is_one(tmp_path):
    token = tmp_path / "token"
    token.write_text("correct horse\n")
    async with serving(world(), token_file=str(token)) as served:
        for wrong in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer correct"}):
            answer = await served.get("/metrics", **wrong)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await served.get("/metrics", Authorization="Bearer correct horse")).status == 200
        assert (await served.get("/healthz")).status == 200
        token.write_text("battery staple")
        assert (await served.get("/metrics", Authorization="bearer battery staple")).status == 200
        token.write_text("\n")
        assert (await served.get("/metrics", Authorization="Bearer ")).status == 401


async def test_a_token_that_cannot_be_read_opens_nothing(tmp_path, caplog):
    token = tmp_path / "token"
    async with serving(world(), token_file=str(token)) as served:
        assert (await served.get("/metrics", Authorization="Bearer x")).status == 503
    assert caplog.messages == [
        *(each for each in caplog.messages if "listening" in each),
        f"metrics.token_file: {token}: No such file or directory",
    ]


def issue(authority, folder, name="127.0.0.1"):
    """A certificate and its key in two files."""
    made = authority.issue_cert(name)
    made.private_key_pem.write_to_path(folder / "tls.key")
    made.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    return {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}


async def test_metrics_over_tls_and_probes_beside_it_without(tmp_path):
    authority = trustme.CA()
    async with serving(world(), **issue(authority, tmp_path)) as served:
        tls = trusting(authority)
        assert (await served.get("/metrics", tls=tls)).status == 200
        assert (await served.get("/healthz", port=served.health_port)).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            await served.get("/metrics", tls=ssl.create_default_context())
        assert await served.say(b"GET /metrics HTTP/1.1\r\n\r\n") != b"HTTP/1.1 200"
        assert (await served.get("/metrics", tls=tls)).status == 200


async def test_a_certificate_that_is_replaced_holds_for_new_connections(tmp_path, monkeypatch):
    monkeypatch.setattr("proclaim_metrics.certificate._LOOK_AGAIN_SECONDS", 0.01)
    before, after = trustme.CA(), trustme.CA()
    async with serving(world(), **issue(before, tmp_path)) as served:
        assert (await served.get("/healthz", tls=trusting(before))).status == 200
        issue(after, tmp_path)
        with trio.fail_after(5):
            while True:
                try:
                    answer = await served.get("/healthz", tls=trusting(after))
                    break
                except ssl.SSLCertVerificationError:
                    await trio.sleep(0.01)
    assert answer.status == 200


async def test_half_a_new_certificate_leaves_the_old_one_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr("proclaim_metrics.certificate._LOOK_AGAIN_SECONDS", 0.01)
    before, after = trustme.CA(), trustme.CA()
    (tmp_path / "new").mkdir()
    table = issue(before, tmp_path)
    new = issue(after, tmp_path / "new")
    async with serving(world(), **table) as served:
        pem = await trio.Path(new["certificate"]).read_bytes()
        await trio.Path(table["certificate"]).write_bytes(pem)
        await trio.sleep(0.1)
        assert (await served.get("/healthz", tls=trusting(before))).status == 200


async def fails(**table):
    options = read_options(Settings("proclaim.toml", sections={"metrics": table}))
    with pytest.raises(ExceptionGroup) as raised, trio.fail_after(5):
        await MetricsReporter(options, SystemHost("n1")).run(world().view, observe)
    (error,) = raised.value.exceptions
    assert isinstance(error, SettingsError)
    return error.message


async def test_an_address_in_use_is_one_error_that_names_the_key(monkeypatch):
    async with serving(world()) as served:
        taken = f"127.0.0.1:{served.port}"
        assert await fails(listen=taken) == (
            f"proclaim.toml: metrics.listen: cannot listen at {taken}: Address already in use"
        )
        message = await fails(listen=f"127.0.0.1:{free_port()}", health_listen=taken)
        assert message.startswith(f"proclaim.toml: metrics.health_listen: cannot listen at {taken}")
        assert (await served.get("/healthz")).status == 200


async def test_files_that_are_no_certificate_are_an_error_that_names_the_key(tmp_path):
    files = issue(trustme.CA(), tmp_path)
    missing = str(tmp_path / "missing")
    message = await fails(**files | {"key": missing})
    assert message == f"proclaim.toml: metrics.key: {missing}: No such file or directory"
    os.replace(files["key"], files["certificate"])
    (tmp_path / "tls.key").write_text("nothing")
    message = await fails(**files)
    assert message.startswith(f"proclaim.toml: metrics.certificate: {files['certificate']} and ")


async def test_the_end_waits_for_nobody_who_is_silent_or_does_not_read(monkeypatch):
    monkeypatch.setattr(server, "GOODBYE_SECONDS", 0.05)
    many = World(given(*(pool(f"p{at}", f"10.{at}.0.0/16") for at in range(200))).state)
    async with serving(many) as served:
        silent = await trio.open_tcp_stream("127.0.0.1", served.port)
        deaf = await trio.open_tcp_stream("127.0.0.1", served.port)
        await deaf.send_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        await trio.sleep(0.05)
        before = trio.current_time()
        served.stop.cancel()
        async with silent:
            assert await silent.receive_some(1) == b""
    assert trio.current_time() - before < 1
    await deaf.aclose()


async def test_an_answer_on_its_way_arrives_when_the_server_ends():
    async with serving(world()) as served:
        pausing = trio.Event()

        async def slow(*_):
            pausing.set()
            await trio.sleep(0.1)
            return [b"all of it\n"]

        exposition = "proclaim_metrics.exposition.Exposition.text"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exposition, slow)
            stream = await trio.open_tcp_stream("127.0.0.1", served.port)
            await stream.send_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await pausing.wait()
            served.stop.cancel()
            async with stream:
                came = b"".join([part async for part in stream])
    assert came.startswith(b"HTTP/1.1 200")
    assert came.endswith(b"all of it\n")


async def test_more_connections_than_there_is_room_for_are_closed_at_once(monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    async with serving(world()) as served:
        first, second, third = [
            await trio.open_tcp_stream("127.0.0.1", served.port) for _ in range(3)
        ]
        with trio.fail_after(2):
            with suppress(trio.BrokenResourceError):
                assert await third.receive_some(1) == b""
        for each in (first, second, third):
            await each.aclose()
        with trio.fail_after(2):
            await trio.testing.wait_all_tasks_blocked()
            assert (await served.get("/healthz")).status == 200


async def test_where_it_listens_is_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    async with serving(world()) as served:
        assert f"listening at http://127.0.0.1:{served.port}" in caplog.messages
