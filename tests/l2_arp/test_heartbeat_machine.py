from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim_l2_arp.heartbeat.datagram import Bad, Datagram, Saying, decode, encode
from proclaim_l2_arp.heartbeat.machine import (
    Heard,
    Ignored,
    Known,
    Passed,
    Rules,
    StoodStill,
    Watch,
    deadline,
    step,
)

RULES = Rules(interval=0.5, dead_after=2.0)
ALIVE = Datagram("b", incarnation=7, sequence=1)
KEY = b"a secret of all nodes"


def watching(*names, rules=RULES, now=0.0):
    return step(Watch(rules), Known(frozenset(names)), now)[0]


def after(watch, *inputs):
    """Follow (now, input) pairs."""
    for now, came in inputs:
        watch, _ = step(watch, came, now)
    return watch


def beat(sequence, incarnation=7, saying=Saying.ALIVE):
    return Heard(Datagram("b", incarnation, sequence, saying))


# --- verdicts -----------------------------------------------------------------------------------


def test_a_fellow_counts_as_living_until_it_had_time_to_be_heard():
    watch = watching("b", now=10.0)
    assert after(watch, (11.9, Passed())).verdicts == {"b": True}
    assert after(watch, (12.0, Passed())).verdicts == {"b": False}


def test_a_fellow_that_joins_later_has_its_own_time_to_be_heard():
    watch = after(watching("b"), (5.0, Known(frozenset({"b", "c"}))), (5.0, Passed()))
    assert watch.verdicts == {"b": False, "c": True}


def test_a_fellow_that_is_heard_lives_on():
    inputs = [(0.5 * n, beat(n)) for n in range(1, 100)]
    assert after(watching("b"), *inputs, (51.4, Passed())).verdicts == {"b": True}


def test_the_deadline_is_when_the_first_fellow_is_lost():
    watch = after(watching("b", "c"), (1.0, beat(1)))
    assert deadline(watch) == 2.0
    assert deadline(after(watch, (2.0, Passed()))) == 3.0
    assert deadline(after(watch, (9.0, Passed()))) is None


def test_a_lost_fellow_lives_again_when_it_was_heard_twice():
    watch = after(watching("b"), (5.0, Passed()), (6.0, beat(1)))
    assert watch.verdicts == {"b": False}
    assert after(watch, (6.5, beat(2))).verdicts == {"b": True}


def test_two_signs_far_apart_do_not_bring_a_fellow_back():
    watch = after(watching("b"), (5.0, Passed()), (6.0, beat(1)), (8.0, beat(2)))
    assert watch.verdicts == {"b": False}
    assert after(watch, (8.5, beat(3))).verdicts == {"b": True}


def test_a_goodbye_is_believed_at_once():
    watch = after(watching("b"), (0.1, beat(1)), (0.2, beat(2, saying=Saying.GOODBYE)))
    assert watch.verdicts == {"b": False}


def test_what_was_sent_before_a_goodbye_does_not_undo_it():
    watch = after(watching("b"), (0.2, beat(9, saying=Saying.GOODBYE)))
    assert after(watch, (0.3, beat(7)), (0.4, beat(8))).verdicts == {"b": False}


def test_a_fellow_that_comes_back_after_a_goodbye_is_heard_by_its_new_incarnation():
    watch = after(watching("b"), (0.2, beat(9, saying=Saying.GOODBYE)))
    watch = after(watch, (0.5, beat(1, incarnation=8)), (0.55, beat(2, incarnation=8)))
    assert watch.verdicts == {"b": True}


def test_a_fellow_that_is_gone_is_forgotten():
    assert after(watching("b", "c"), (1.0, Known(frozenset({"c"})))).verdicts == {"c": True}


def test_after_a_standstill_every_fellow_counts_as_living_anew():
    watch = after(watching("b"), (5.0, Passed()), (60.0, StoodStill()), (61.9, Passed()))
    assert watch.verdicts == {"b": True}
    assert after(watch, (62.0, Passed())).verdicts == {"b": False}


# --- what is not believed -----------------------------------------------------------------------


def test_a_stranger_is_ignored():
    watch = watching("c")
    assert step(watch, Heard(ALIVE), 1.0) == (watch, Ignored.STRANGER)


def test_a_repeated_datagram_is_ignored():
    watch = after(watching("b"), (1.0, beat(5)))
    for sequence in (5, 4):
        assert step(watch, beat(sequence), 1.5) == (watch, Ignored.REPEATED)


def test_a_recording_does_not_keep_a_fellow_alive():
    watch = after(watching("b"), (0.5, beat(5)))
    watch = after(watch, *((0.5 * n, beat(5)) for n in range(2, 9)), (4.0, Passed()))
    assert watch.verdicts == {"b": False}


def test_an_older_incarnation_is_a_recording_while_the_fellow_speaks():
    watch = after(watching("b"), (1.0, beat(5)))
    assert step(watch, beat(9, incarnation=6), 1.5)[1] is Ignored.REPEATED


def test_a_fellow_whose_clock_was_set_back_is_believed_after_a_silence():
    watch = after(watching("b"), (1.0, beat(5)), (9.0, Passed()))
    watch = after(watch, (9.0, beat(1, incarnation=3)), (9.1, beat(2, incarnation=3)))
    assert watch.verdicts == {"b": True}


def test_where_datagrams_are_signed_an_older_incarnation_is_never_believed():
    signed = watching("b", rules=replace(RULES, authentic=True))
    watch = after(signed, (1.0, beat(5)), (9.0, Passed()))
    assert step(watch, beat(1, incarnation=3), 9.0)[1] is Ignored.REPEATED


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),
            st.one_of(
                st.just(Passed()),
                st.builds(
                    Heard,
                    st.builds(
                        Datagram,
                        st.sampled_from("abc"),
                        st.integers(0, 2),
                        st.integers(0, 4),
                        st.sampled_from(Saying),
                    ),
                ),
                st.just(StoodStill()),
            ),
        ),
        max_size=40,
    )
)
def test_no_living_fellow_was_unheard_for_longer_than_it_may(history):
    watch, now = watching("b", "c"), 0.0
    for pause, came in history:
        now += pause
        watch, _ = step(watch, came, now)
        watch, _ = step(watch, Passed(), now)
        assert watch.verdicts.keys() == {"b", "c"}
        assert all(now < f.heard_at + 2.0 for f in watch.fellows.values() if f.alive)


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("saying", Saying)
@pytest.mark.parametrize("name", ["b", "n" * 253, "knoten-ü"])
def test_a_datagram_is_read_back_as_it_was_written(key, saying, name):
    datagram = Datagram(name, 2**63, 2**40, saying)
    assert decode(encode(datagram, key), key) == datagram


@pytest.mark.parametrize("key", [b"", KEY])
def test_every_truncation_and_every_addition_is_refused(key):
    whole = encode(ALIVE, key)
    for length in range(len(whole)):
        assert isinstance(decode(whole[:length], key), Bad)
    assert isinstance(decode(whole + b"\0", key), Bad)


def test_every_changed_byte_of_a_signed_datagram_is_refused():
    whole = encode(ALIVE, KEY)
    for at in range(len(whole)):
        for value in range(256):
            if value != whole[at]:
                changed = whole[:at] + bytes([value]) + whole[at + 1 :]
                assert isinstance(decode(changed, KEY), Bad)


def test_another_key_or_none_is_refused():
    assert decode(encode(ALIVE, KEY), b"another") is Bad.UNSIGNED
    assert decode(encode(ALIVE, b""), KEY) is Bad.UNSIGNED
    assert decode(encode(ALIVE, KEY), b"") is Bad.UNSIGNED


def test_another_version_is_named_as_such():
    assert decode(b"PRCL\2" + encode(ALIVE, b"")[5:], b"") is Bad.VERSION


def test_a_saying_that_nobody_knows_and_a_name_that_is_no_text_are_refused():
    whole = encode(ALIVE, b"")
    assert decode(whole[:5] + b"\x09" + whole[6:], b"") is Bad.MALFORMED
    assert decode(whole[:-1] + b"\xff", b"") is Bad.MALFORMED


@given(st.binary(max_size=100), st.sampled_from([b"", KEY]), st.sampled_from([b"", b"PRCL\1\1"]))
def test_any_bytes_give_a_value(received, key, head):
    decode(head + received, key)
