"""Facts to stored bytes and back."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger.examples import (
    CODEC,
    EXAMPLES,
    RESOURCES,
    TIME,
    TRANSACTION,
    facts,
    times,
    transactions,
)
from proclaim.builtin import KINDS
from proclaim.codec import FACTS, Codec
from proclaim.errors import LedgerDamaged, PluginError
from proclaim.events import Observed, Opaque, Rejected
from proclaim.kinds import Kind
from proclaim.model import Noun, Ref

TESTS = Path(__file__).resolve().parents[1]


def test_there_is_an_example_of_every_kind_and_every_fact() -> None:
    assert {type(each) for each in RESOURCES} == {kind.type for kind in KINDS}
    topics = {CODEC.topic(fact) for fact in EXAMPLES}
    assert topics == {kind.topic for kind in KINDS} | {f"{f.name}/{f.version}" for f in FACTS}


@pytest.mark.parametrize("fact", EXAMPLES, ids=CODEC.topic)
def test_an_example_comes_back_as_it_was(fact) -> None:
    topic, stored = CODEC.encode(fact, TIME, TRANSACTION)
    assert CODEC.decode(topic, stored) == (TIME, TRANSACTION, fact)


@given(facts, times, transactions)
def test_every_fact_comes_back_as_it_was(fact, time, transaction) -> None:
    topic, stored = CODEC.encode(fact, time, transaction)
    decoded = CODEC.decode(topic, stored)
    assert decoded == (time, transaction, fact)
    assert CODEC.encode(decoded.fact, decoded.time, decoded.transaction) == (topic, stored)


@given(facts)
def test_what_is_stored_is_one_json_object(fact) -> None:
    found = msgspec.json.decode(CODEC.encode(fact, TIME, TRANSACTION)[1])
    assert list(found) == ["time", "transaction", "fact", "sum"]


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", EXAMPLES, ids=CODEC.topic)
def test_every_flipped_bit_is_noticed(fact) -> None:
    topic, stored = CODEC.encode(fact, TIME, TRANSACTION)
    for at in range(len(stored)):
        for bit in range(8):
            damaged = bytearray(stored)
            damaged[at] ^= 1 << bit
            with pytest.raises(LedgerDamaged):
                CODEC.decode(topic, bytes(damaged))


@pytest.mark.parametrize("fact", EXAMPLES, ids=CODEC.topic)
def test_every_truncation_and_extension_is_noticed(fact) -> None:
    topic, stored = CODEC.encode(fact, TIME, TRANSACTION)
    for length in range(len(stored)):
        with pytest.raises(LedgerDamaged):
            CODEC.decode(topic, stored[:length])
    for more in (b" ", b"}", b"\0", stored):
        with pytest.raises(LedgerDamaged):
            CODEC.decode(topic, stored + more)


def test_a_body_under_the_topic_of_another_fact_is_noticed() -> None:
    topic, stored = CODEC.encode(EXAMPLES[0], TIME, TRANSACTION)
    for other in sorted({CODEC.topic(fact) for fact in EXAMPLES} - {topic}):
        with pytest.raises(LedgerDamaged, match="checksum"):
            CODEC.decode(other, stored)


@given(st.text(max_size=30), st.binary(max_size=80))
def test_junk_is_damage_and_never_another_error(topic, junk) -> None:
    with pytest.raises(LedgerDamaged):
        CODEC.decode(topic, junk)


@given(st.binary(max_size=60), st.sampled_from(["ServiceObserved/1", "AddressAssigned/1", "X/1"]))
def test_junk_with_a_right_sum_is_damage_too(junk, topic) -> None:
    total = crc32(junk, crc32(topic.encode()))
    with pytest.raises(LedgerDamaged, match="does not decode"):
        CODEC.decode(topic, b'%b,"sum":%d}' % (junk, total))


# --- versions -----------------------------------------------------------------------------------


class Lease1(Noun, frozen=True, tag="Lease"):
    name: str
    owner: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("Lease", "", self.name)


class Lease3(Noun, frozen=True, tag="Lease"):
    name: str
    holders: tuple[str, ...] = ()
    seconds: int = 0

    @property
    def ref(self) -> Ref:
        return Ref("Lease", "", self.name)


def _holders_from_owner(fact: dict) -> dict:
    resource = dict(fact["resource"])
    owner = resource.pop("owner", "")
    return {**fact, "resource": {**resource, "holders": [owner] if owner else []}}


def _seconds_from_nothing(fact: dict) -> dict:
    assert "holders" in fact["resource"], "the lift from 1 comes first"
    return {**fact, "resource": {**fact["resource"], "seconds": 15}}


FIRST = Codec([Kind("Lease", Lease1)])
THIRD = Codec([Kind("Lease", Lease3, 3, {1: _holders_from_owner, 2: _seconds_from_nothing})])


def test_an_old_version_is_lifted_step_by_step_in_order() -> None:
    topic, stored = FIRST.encode(Observed("files", Lease1("a", "me"), "/x"), TIME, TRANSACTION)
    assert topic == "LeaseObserved/1"
    assert THIRD.decode(topic, stored) == (
        TIME,
        TRANSACTION,
        Observed("files", Lease3("a", ("me",), 15), "/x"),
    )


def test_a_version_between_is_lifted_from_there_on() -> None:
    second = Codec([Kind("Lease", Lease3, 2, {1: _holders_from_owner})])
    topic, stored = second.encode(Observed("files", Lease3("a", ("me",))), TIME, TRANSACTION)
    assert topic == "LeaseObserved/2"
    assert THIRD.decode(topic, stored).fact == Observed("files", Lease3("a", ("me",), 15))


def test_an_old_version_is_still_summed() -> None:
    topic, stored = FIRST.encode(Observed("files", Lease1("a", "me")), TIME, TRANSACTION)
    with pytest.raises(LedgerDamaged, match="checksum"):
        THIRD.decode(topic, stored.replace(b"me", b"us"))


def test_a_newer_version_is_refused_with_a_hint() -> None:
    topic, stored = THIRD.encode(Observed("files", Lease3("a")), TIME, TRANSACTION)
    with pytest.raises(LedgerDamaged, match="newer Proclaim; this one knows LeaseObserved/1") as e:
        FIRST.decode(topic, stored)
    assert "newer version" in e.value.hint


def test_a_missing_lift_is_named() -> None:
    gap = Codec([Kind("Lease", Lease3, 3, {2: _seconds_from_nothing})])
    topic, stored = FIRST.encode(Observed("files", Lease1("a")), TIME, TRANSACTION)
    with pytest.raises(LedgerDamaged, match="LeaseObserved/1: there is no lift from version 1"):
        gap.decode(topic, stored)


def test_a_lift_that_raises_is_named() -> None:
    broken = Codec([Kind("Lease", Lease3, 2, {1: lambda fact: fact["nothing"]})])
    topic, stored = FIRST.encode(Observed("files", Lease1("a")), TIME, TRANSACTION)
    with pytest.raises(LedgerDamaged, match="LeaseObserved/1: the lift from version 1 failed"):
        broken.decode(topic, stored)


@pytest.mark.parametrize("version", ["²", "x", "", "-1", "0", "1.5", "01"])
def test_a_version_that_nobody_writes_is_damage(version) -> None:
    topic, body = f"LeaseObserved/{version}", b'{"time":1.0,"transaction":1,"fact":{}'
    stored = b'%b,"sum":%d}' % (body, crc32(body, crc32(topic.encode())))
    with pytest.raises(LedgerDamaged):
        THIRD.decode(topic, stored)


# --- kinds that nobody here knows -----------------------------------------------------------------


def test_an_unknown_kind_is_opaque_and_kept_byte_for_byte() -> None:
    topic, stored = FIRST.encode(Observed("files", Lease1("ä", "me"), "/x"), TIME, TRANSACTION)
    decoded = CODEC.decode(topic, stored)
    assert isinstance(decoded.fact, Opaque)
    assert decoded.fact.topic == topic
    assert CODEC.encode(decoded.fact, decoded.time, decoded.transaction) == (topic, stored)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    times,
    transactions,
)
def test_whatever_an_unknown_kind_holds_is_kept(body, time, transaction) -> None:
    fact = Opaque("Strange/9", msgspec.Raw(msgspec.json.encode(body)))
    topic, stored = CODEC.encode(fact, time, transaction)
    decoded = CODEC.decode(topic, stored)
    assert CODEC.encode(decoded.fact, decoded.time, decoded.transaction) == (topic, stored)
    assert msgspec.json.decode(decoded.fact.body) == body


def test_two_plugins_cannot_offer_one_kind() -> None:
    with pytest.raises(PluginError, match="the kind Lease is offered by two plugins"):
        Codec([Kind("Lease", Lease1), Kind("Lease", Lease3)])


class Untagged(msgspec.Struct, frozen=True):
    name: str


def test_kinds_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(PluginError, match="cannot be told apart"):
        Codec([Kind("Lease", Lease1), Kind("OtherLease", Lease3)])
    with pytest.raises(PluginError, match="cannot be told apart"):
        Codec([Kind("Lease", Lease1), Kind("Untagged", Untagged)])


def test_a_rejected_resource_of_a_plugin_comes_back() -> None:
    codec = Codec([*KINDS, Kind("Lease", Lease1)])
    fact = Rejected("files", Lease1("a", "me"), "is given by k8s already", "/x")
    topic, stored = codec.encode(fact, TIME, TRANSACTION)
    assert codec.decode(topic, stored) == (TIME, TRANSACTION, fact)


def test_a_rejected_resource_of_an_unknown_kind_is_opaque_and_kept() -> None:
    fact = Rejected("files", Lease1("a", "me"), "is given by k8s already", "/x")
    topic, stored = FIRST.encode(fact, TIME, TRANSACTION)
    for codec in (CODEC, Codec([])):
        decoded = codec.decode(topic, stored)
        assert isinstance(decoded.fact, Opaque)
        assert codec.encode(decoded.fact, decoded.time, decoded.transaction) == (topic, stored)


# --- determinism ----------------------------------------------------------------------------------

_SAY_ALL = """
from hashlib import sha256
from ledger.examples import CODEC, EXAMPLES, TIME, TRANSACTION
every = [CODEC.encode(fact, TIME, TRANSACTION) for fact in EXAMPLES]
print(sha256(repr(every).encode()).hexdigest())
"""


@pytest.mark.slow
def test_equal_facts_are_equal_bytes_in_every_process() -> None:
    every = [CODEC.encode(fact, TIME, TRANSACTION) for fact in EXAMPLES]
    here = sha256(repr(every).encode()).hexdigest()
    for seed, zone in (("0", "UTC"), ("1", "Asia/Kathmandu"), ("4242", "America/Caracas")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(TESTS)}
        said = subprocess.run(
            [sys.executable, "-c", _SAY_ALL], env=environment, capture_output=True, check=True
        )
        assert said.stdout.decode().strip() == here
