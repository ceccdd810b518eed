"""`proclaim run`, `python -m proclaim_cli` and pipes: real processes, ended by their own number."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from cli.running import POOL, service

PROCLAIM = [sys.executable, "-m", "proclaim_cli"]
READY = " is running: "
SECONDS = 20

pytestmark = pytest.mark.slow


@pytest.fixture
def run(proclaim):
    """Start `proclaim run` on the directory of manifests, and wait until it says it is up."""

    @contextmanager
    def start(*more):
        arguments = ["run", str(proclaim.manifests), "--node", "n1", "--announcer", "bgp", *more]
        process = subprocess.Popen(
            [*PROCLAIM, *arguments],
            env={**os.environ, "PROCLAIM_LEDGER": proclaim.ledger},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            process.before_ready = ""
            for line in process.stderr:
                if READY in line:
                    process.ready = line
                    break
                process.before_ready += line
            yield process
        finally:
            process.kill()
            process.communicate(timeout=SECONDS)

    return start


def ended(process, signum):
    process.send_signal(signum)
    return process.communicate(timeout=SECONDS)


def wait_for(proclaim, topic):
    """Read the log of a running node until it holds a fact."""
    with subprocess.Popen(
        [*PROCLAIM, "log", "--follow", "--oneline", "--ledger", proclaim.ledger],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = any(topic in line for line in process.stdout)
        process.kill()
    assert found


def test_in_detail_a_node_tells_what_it_reads_and_stores(proclaim, run):
    proclaim.write("a.yaml", POOL, service("web"))
    with run("-v") as process:
        wait_for(proclaim, "AddressAssigned")
        _, err = ended(process, signal.SIGTERM)
    said = process.before_ready + err
    assert " DEBUG ledger: " in said
    assert "files lists 2 resources, with 0 problems" in said, "alone or with others in a line"
    assert " facts stored, up to position " in said


def test_a_node_says_when_it_is_up_and_ends_in_good_order(proclaim, run):
    proclaim.write("a.yaml", POOL, service("web"))
    with run() as process:
        assert "node n1" in process.ready
        assert "sources files" in process.ready
        assert "announcers bgp" in process.ready
        wait_for(proclaim, "AddressAssigned")
        out, err = ended(process, signal.SIGTERM)
        assert (process.returncode, out) == (0, "")
        assert "proclaim: node n1 has ended at position " in err
        assert "Traceback" not in err
    assert "192.0.2.0" in proclaim("get", "services").out
    assert proclaim("verify").status == 0


def test_an_interrupt_from_the_keyboard_is_a_good_end_too(proclaim, run):
    proclaim.write("a.yaml", POOL)
    with run() as process:
        ended(process, signal.SIGINT)
        assert process.returncode == 0


def test_a_second_node_on_one_ledger_is_refused_and_told_by_whom(proclaim, run):
    proclaim.write("a.yaml", POOL)
    with run() as process:
        second = proclaim("run", proclaim.manifests, "--node", "n2", "--announcer", "bgp")
        assert (second.status, second.out) == (1, "")
        assert f"is in use by process {process.pid} (n1)" in second.err
        assert "\nhint: " in second.err
        assert proclaim("get", "pools").status == 0


def test_what_was_applied_is_nothing_new_to_a_node_that_runs(proclaim, run):
    proclaim.apply(POOL, service("web"), service("mail", "198.51.100.1"))
    before = proclaim("log", "--oneline").out
    with run() as process:
        ended(process, signal.SIGTERM)
    after = proclaim("log", "--oneline").out
    assert after.startswith(before)
    new = {line.split()[2] for line in after[len(before) :].splitlines()}
    assert not any(topic.startswith(("Service", "IPAddressPool", "Address")) for topic in new)
    assert proclaim("plan", proclaim.manifests).status == 0


def test_a_hangup_checks_the_settings_and_changes_nothing(proclaim, run, tmp_path):
    proclaim.write("a.yaml", POOL)
    settings = tmp_path / "proclaim.toml"
    settings.write_text("node = 'n1'\n")
    with run("--settings", str(settings)) as process:
        process.send_signal(signal.SIGHUP)
        said = iter(process.stderr.readline, "")  # among what else is logged
        assert any("valid; a restart applies it" in line for line in said)
        settings.write_text("node = 1\n")
        process.send_signal(signal.SIGHUP)
        assert any("the settings stay as they are" in line for line in said)
        ended(process, signal.SIGTERM)
        assert process.returncode == 0


def test_a_table_that_no_plugin_reads_is_named(proclaim, run, tmp_path):
    proclaim.write("a.yaml", POOL)
    settings = tmp_path / "proclaim.toml"
    settings.write_text("[l2arp]\nenabled = false\n")
    with run("--settings", str(settings)) as process:
        assert "[l2arp]: no installed plugin reads this table" in process.before_ready


def test_nothing_to_watch_is_an_error_with_a_hint(proclaim):
    ran = proclaim("run")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error: there is nothing to watch")
    assert "[file_source]" in ran.err
    assert "[k8s_source]" in ran.err
    assert "\nhint: " in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "nosuch"], "there is no source 'nosuch'"),
        (["--announcer", "nosuch"], "there is no announcer 'nosuch'"),
    ],
)
def test_a_choice_that_nobody_offers_is_refused(proclaim, arguments, said):
    proclaim.write("a.yaml", POOL)
    ran = proclaim("run", proclaim.manifests, *arguments)
    assert ran.status == 1
    assert said in ran.err


def test_a_cluster_that_nobody_knows_stops_the_start_with_what_was_looked_for(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text('[k8s_source]\nkubeconfig = "/nowhere"\n')
    ran = proclaim("run", proclaim.manifests, "--settings", settings)
    assert ran.status == 1
    assert "error: /nowhere: there is no such kubeconfig" in ran.err


def test_a_reader_that_goes_away_is_no_error_worth_a_word(proclaim):
    proclaim.apply(POOL, *(service(f"web{at}", f"198.51.100.{at}") for at in range(200)))
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*PROCLAIM, "log", "-p", "--ledger", proclaim.ledger],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    os.close(writing)
    assert ran.stderr == ""


def test_following_shows_what_is_recorded_meanwhile(proclaim):
    proclaim.apply(POOL)
    with subprocess.Popen(
        [*PROCLAIM, "log", "--follow", "--oneline", "--ledger", proclaim.ledger],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert "IPAddressPool/public" in process.stdout.readline()
        proclaim.apply(POOL, service("web"))
        assert any("AddressAssigned" in line for line in iter(process.stdout.readline, ""))
        _, err = ended(process, signal.SIGINT)
        assert process.returncode == 130
        assert err == ""
