"""`proclaim replay` and `proclaim verify`: the ledger once more, from its start."""

import json
import sqlite3
from contextlib import closing

import pytest
from cli.running import ADVERTISED, POOL, service


def test_a_replay_ends_with_the_digest_that_verify_gives(proclaim):
    proclaim.apply(POOL, service("web"))
    replayed = proclaim("replay").out.splitlines()[-1]
    verified = proclaim("verify").out.splitlines()
    assert verified[0].startswith("clean: ")
    assert replayed == verified[1]


def test_a_replay_says_what_each_transaction_changed(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"))
    proclaim.apply(POOL, ADVERTISED)
    out = proclaim("replay", "--node", "n1").out
    why = "lowest address of pool public that was never given before"
    assert f"    default/web: 192.0.2.0 assigned: {why}\n" in out
    assert "    bgp on n1: 192.0.2.0/32 added, to tor\n" in out
    assert "    default/web: 192.0.2.0 released: the Service was deleted\n" in out
    assert "    bgp on n1: 192.0.2.0/32 removed, to tor\n" in out


def test_a_replay_heads_a_transaction_with_all_that_was_learnt_in_it(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"))
    proclaim.apply(POOL, ADVERTISED, service("web", "192.0.2.3"), service("mail"))
    heads = [line for line in proclaim("replay").out.splitlines() if line.startswith("@")]
    assert heads[-1].endswith("Z 2 facts: Service/default/mail, Service/default/web")


def test_a_replay_in_parts_gives_the_state_at_its_end(proclaim):
    proclaim.apply(POOL, service("web"))
    middle = json.loads(proclaim("replay", "-o", "json").out.splitlines()[-1])
    proclaim.apply(POOL)
    until = proclaim("replay", "-o", "json", "--until", f"@{middle['position']}").out
    assert json.loads(until.splitlines()[-1]) == middle
    after = proclaim("replay", "-o", "json", "--from", f"@{middle['position']}").out.splitlines()
    assert [json.loads(line)["holdings"][0]["after"] for line in after[:-1]] == [[]]


def test_a_replay_in_time_is_the_same_replay(proclaim):
    proclaim.apply(POOL, service("web"))
    assert proclaim("replay", "--speed", "1000000x").out == proclaim("replay").out
    assert proclaim("replay", "--speed", "fast").status == 64


def test_the_counts_of_a_clean_ledger(proclaim):
    proclaim.apply(POOL, service("web"))
    ran = proclaim("verify", "-o", "json")
    verified = json.loads(ran.out)
    assert ran.status == 0
    assert (verified["clean"], verified["problems"], verified["unknown"]) == (True, [], 0)
    assert verified["facts"] == verified["transactions"] + 3


def test_a_damaged_fact_is_found_and_named(proclaim, tmp_path):
    proclaim.apply(POOL, service("web"))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute(
            "UPDATE stored_events SET"
            " state = CAST(replace(state, '192.0.2.0', '192.0.2.1') AS BLOB)"
            " WHERE topic LIKE 'AddressAssigned%'"
        )
    ran = proclaim("verify")
    assert ran.status == 1
    assert ran.out.startswith("position 5: AddressAssigned/2: the checksum does not match")
    assert "\nwhole before that: 3 facts in 1 transaction\n" in ran.out
    assert proclaim("get", "services").status == 1


@pytest.mark.parametrize(
    "command", [("replay",), ("log",), ("log", "--until", "@4"), ("verify",), ("get", "services")]
)
def test_a_fact_that_was_taken_out_is_missed(proclaim, tmp_path, command):
    proclaim.apply(POOL, service("web"))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("DELETE FROM stored_events WHERE rowid = 3")
    ran = proclaim(*command)
    assert ran.status == 1
    assert "position 3 is missing" in ran.out + ran.err


def test_a_fact_of_another_type_is_found_after_all_that_is_whole_before_it(proclaim, tmp_path):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(POOL, service("web"), service("mail"))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        last = "(SELECT MAX(rowid) FROM stored_events)"
        connection.execute(
            f"UPDATE stored_events SET state = CAST(state AS TEXT) WHERE rowid = {last}"
        )
    ran = proclaim("verify")
    assert ran.status == 1
    assert "is stored with the types of another program\n" in ran.out
    assert "\nwhole before that: 5 facts in 2 transactions\n" in ran.out


def test_a_replay_follows_the_nodes_that_are_described_and_else_says_for_which_one_it_is(proclaim):
    nodes = [f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n" for name in ("a", "b")]
    proclaim.apply(POOL, ADVERTISED, service("web"))
    assert "proclaim: these are for node " in proclaim("replay").err
    proclaim.apply(POOL, ADVERTISED, service("web"), service("mail"), *nodes)
    ran = proclaim("replay")
    assert ran.err == ""
    assert "    bgp on a: 192.0.2.1/32 added, to tor\n" in ran.out
    assert "    bgp on b: 192.0.2.1/32 added, to tor\n" in ran.out
    assert "on b:" not in proclaim("replay", "--node", "a").out
