"""Address arithmetic at every place of both number lines, against an oracle that walks.

A universe is a few hundred addresses somewhere: at the very beginning or end
of a family, or in between.  What happens lies in one, so that it can be walked;
what is asked may be as large as the whole family.
"""

import sys
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim.addresses import (
    BITS,
    Address,
    Occupied,
    Range,
    buggy_count,
    is_buggy,
    parse_address,
    parse_range,
    shortest_block,
)
from proclaim.model import Pool
from proclaim.pool_index import PoolIndex
from proclaim.testing import pool
from proclaim.vacated import Vacated

SIZE = 301
"""More than one /24, so that .0 and .255 are inside wherever it begins."""
TOP = {family: (1 << bits) - 1 for family, bits in BITS.items()}
UNIVERSES = (
    (4, 0),
    (4, (10 << 24) + 200),
    (4, TOP[4] - SIZE + 1),
    (6, 0),
    (6, (0x20010DB8 << 96) + 0xFFFFFF00),
    (6, TOP[6] - SIZE + 1),
)
universes = st.sampled_from(UNIVERSES)
offsets = st.integers(0, SIZE - 1)


@st.composite
def places(draw):
    """An address of a universe."""
    family, base = draw(universes)
    return Address(family, base + draw(offsets))


@st.composite
def spans(draw, universe=None):
    """A range: inside a universe, a CIDR of any length around a place in it, or to the very end."""
    family, base = universe or draw(universes)
    first, last = sorted((draw(offsets), draw(offsets)))
    inside = Range(family, base + first, base + last)
    size = 1 << draw(st.integers(0, BITS[family]))
    block = Range(family, inside.first // size * size, inside.first // size * size + size - 1)
    return draw(
        st.sampled_from(
            [
                inside,
                block,
                Range(family, 0, inside.last),
                Range(family, inside.first, TOP[family]),
                Range(family, 0, TOP[family]),
            ]
        )
    )


def free_by_walking(span, used, avoid):
    """The first free address: no further than three beyond a used one, as two .255/.0 touch."""
    starts = [span.first, *(each.value + 1 for each in used if each.family == span.family)]
    near = sorted({start + step for start in starts for step in range(3)})
    for value in near:
        address = Address(span.family, value)
        if span.covers(address) and address not in used and not (avoid and is_buggy(address)):
            return address
    return None


# --- texts ---


@given(st.one_of(places(), st.builds(Address, st.just(4), st.integers(0, TOP[4]))))
def test_an_address_is_written_as_ipaddress_writes_it(address):
    made = (IPv4Address if address.family == 4 else IPv6Address)(address.value)
    assert str(address) == str(made)
    assert parse_address(str(address)) == address


OCTETS = st.one_of(
    st.integers(0, 300).map(str),
    st.sampled_from(["", "00", "01", "010", "0x1", "+1", "-1", " 1", "1 ", "1e1", "٣", "1/24"]),
)


@given(st.lists(OCTETS, min_size=1, max_size=6).map(".".join))
def test_what_ipaddress_calls_an_ipv4_address_is_one_and_nothing_else(text):
    try:
        value = int(IPv4Address(text))
    except ValueError:
        with pytest.raises(ValueError, match="is not an IP address"):
            parse_address(text)
    else:
        assert parse_address(text) == Address(4, value)


@given(st.text(alphabet="0123456789.:٣ /+abcdef", max_size=20))
def test_any_text_is_read_as_ipaddress_reads_it_or_refused(text):
    try:
        made = ip_address(text)
    except ValueError:
        made = None
    if made is None or getattr(made, "ipv4_mapped", None):
        with pytest.raises(ValueError):  # noqa: PT011 - which of the sentences is tested elsewhere
            parse_address(text)
    else:
        assert parse_address(text) == Address(made.version, int(made))


@given(spans())
def test_a_range_of_any_size_reads_back_from_its_text(span):
    assert parse_range(str(span)) == span


@given(spans())
def test_a_range_is_written_as_a_cidr_exactly_when_it_is_one(span):
    assert ("/" in str(span)) == (
        span.size & (span.size - 1) == 0 and span.first & (span.size - 1) == 0
    )


# --- counting ---


@given(spans())
def test_buggy_addresses_of_a_range_of_any_size_are_counted(span):
    """Whole /24 blocks hold two each; what is left at both ends is walked."""
    if span.family == 6:
        assert buggy_count(span) == 0
        return
    first_block, past_block = -(-span.first // 256), (span.last + 1) // 256
    if first_block >= past_block:
        walked = range(span.first, span.last + 1)
        assert buggy_count(span) == sum(is_buggy(Address(4, value)) for value in walked)
        return
    ends = (*range(span.first, first_block * 256), *range(past_block * 256, span.last + 1))
    found = sum(is_buggy(Address(4, value)) for value in ends)
    assert buggy_count(span) == found + 2 * (past_block - first_block)


@given(spans())
def test_the_shortest_block_of_a_range_of_any_size_fits_and_none_shorter_does(span):
    bits = BITS[span.family]

    def fits(length):
        size = 1 << (bits - length)
        return -(-span.first // size) * size + size - 1 <= span.last

    length = shortest_block(span)
    assert fits(length)
    assert length == 0 or not fits(length - 1)


@given(universes.flatmap(lambda universe: st.lists(spans(universe), max_size=5)), places(), spans())
def test_covering_and_overlapping_are_what_the_ends_say(every, address, other):
    for span in every:
        inside = address.family == span.family and span.first <= address.value <= span.last
        assert span.covers(address) == inside
        same = span.family == other.family
        apart = span.last < other.first or other.last < span.first
        assert span.overlaps(other) == other.overlaps(span) == (same and not apart)


@st.composite
def apart(draw):
    """Ranges that do not overlap, of several universes, some of them adjacent or at an end."""
    found = []
    for family, base in sorted(draw(st.sets(universes, min_size=1))):
        cuts = sorted(draw(st.sets(st.integers(0, SIZE), min_size=2, max_size=9)))
        for first, past in pairwise(cuts):
            if draw(st.booleans()):
                found.append(Range(family, base + first, base + past - 1))
    return draw(st.permutations(found))


# --- sets of addresses ---


@given(st.lists(places(), max_size=60), st.lists(spans(), min_size=1, max_size=4), st.booleans())
def test_occupied_answers_for_ranges_of_any_size_as_a_set_would(toggled, asked, avoid):
    occupied, oracle = Occupied(), set()
    for address in toggled:
        (occupied.remove if address in oracle else occupied.add)(address)
        oracle ^= {address}
        for span in asked:
            assert occupied.first_free(span, avoid) == free_by_walking(span, oracle, avoid)
    for span in asked:
        assert occupied.count(span) == sum(map(span.covers, oracle))
    assert all((address in occupied) == (address in oracle) for address in toggled)


@given(universes, st.lists(st.tuples(offsets, offsets), max_size=6), st.booleans())
def test_a_universe_that_is_filled_has_nothing_left_and_what_is_freed_is_found(
    universe, freed, avoid
):
    family, base = universe
    whole = Range(family, base, base + SIZE - 1)
    occupied, oracle = Occupied(), set()
    while (address := occupied.first_free(whole, avoid)) is not None:
        occupied.add(address)
        oracle.add(address)
    assert len(oracle) == SIZE - (buggy_count(whole) if avoid else 0)
    assert occupied.count(whole) == len(oracle)
    for first, last in freed:
        for value in range(base + first, base + last + 1):
            address = Address(family, value)
            if address in oracle:
                occupied.remove(address)
                oracle.remove(address)
        assert occupied.first_free(whole, avoid) == free_by_walking(whole, oracle, avoid)


@given(st.lists(places(), max_size=60), st.lists(spans(), min_size=1, max_size=4), st.booleans())
def test_vacated_answers_as_a_dict_from_addresses_to_positions_would(toggled, asked, avoid):
    vacated, oracle = Vacated(), {}
    for at, address in enumerate(toggled):
        before, remembered = vacated.copy(), dict(oracle)
        if address in oracle:
            vacated.remove(address)
            del oracle[address]
        else:
            vacated.add(address, at // 3)  # one fact may release several
            oracle[address] = at // 3
        for span in asked:
            assert vacated.longest(span, avoid) == _longest(span, oracle, avoid)
        assert list(before) == sorted(remembered.items()), "a copy shares nothing"
    assert list(vacated) == sorted(oracle.items())
    assert len(vacated) == len(oracle)
    assert all((address in vacated) == (address in oracle) for address in toggled)


def _longest(span, oracle, avoid):
    fit = [
        (position, address)
        for address, position in oracle.items()
        if span.covers(address) and not (avoid and is_buggy(address))
    ]
    return min(fit, default=None)


# --- whose an address is ---


@st.composite
def grounds(draw):
    """Pools whose ranges do not overlap, and lie between each other's."""
    ranges = {f"pool-{at}": [] for at in range(draw(st.integers(1, 4)))}
    names = st.sampled_from(sorted(ranges))
    for span in draw(apart()):
        ranges[draw(names)].append(span)
    return {
        Pool(name, addresses=tuple(map(str, spans)), avoid_buggy_ips=draw(st.booleans())): spans
        for name, spans in ranges.items()
        if spans
    }


@given(grounds(), st.lists(st.lists(places(), min_size=1, max_size=2), max_size=12))
def test_the_pools_of_an_index_are_those_that_looking_at_every_range_finds(pools, asked):
    index = PoolIndex(pools)
    borders = [
        Address(span.family, value)
        for spans in pools.values()
        for span in spans
        for value in (span.first - 1, span.first, span.last, span.last + 1)
        if 0 <= value <= TOP[span.family]
    ]
    for addresses in (*asked, *([border] for border in borders), *map(list, pairwise(borders))):
        theirs = [_pool_of(pools, address) for address in addresses]
        one = theirs[0] if len(set(theirs)) == 1 else None
        avoided = one is not None and one.avoid_buggy_ips and any(map(is_buggy, addresses))
        assert [index.containing(address) for address in addresses] == theirs
        assert index.around(tuple(addresses)) == one
        assert index.owner(tuple(addresses)) == (None if avoided else one)
        assert all(
            index.covers(each, tuple(addresses)) == (each is one and not avoided) for each in pools
        )


def _pool_of(pools, address):
    return next(
        (each for each, spans in pools.items() if any(span.covers(address) for span in spans)), None
    )


def test_nothing_is_around_no_address():
    index = PoolIndex([pool("public", "192.0.2.0/24")])
    assert index.around(()) is index.owner(()) is None


# --- the number of steps ---


def steps_of(call):
    """How many lines of Python a call runs through."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


HUGE = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0-10.255.255.254", "::/0", "2001:db8::/64", "::-::ffff"]


@pytest.mark.parametrize("text", HUGE)
def test_a_huge_range_takes_the_steps_of_a_small_one(text):
    small = parse_range("10.0.0.0/30" if "." in text else "2001:db8::/126")
    assert all_questions(parse_range(text)) <= all_questions(small) + 40


def all_questions(span):
    """The steps of everything that is ever asked about a range and its ends."""
    occupied, vacated = Occupied(), Vacated()
    for position, value in enumerate((span.first, span.first + 1, span.last)):
        occupied.add(Address(span.family, value))
        vacated.add(Address(span.family, value), position)

    def ask():
        index = PoolIndex([Pool("pool", addresses=(str(span),), avoid_buggy_ips=True)])
        for value in (span.first, span.last, (span.first + span.last) // 2):
            index.owner((Address(span.family, value),))
        for avoid in (False, True):
            occupied.first_free(span, avoid)
            vacated.longest(span, avoid)
        occupied.count(span)
        buggy_count(span)
        shortest_block(span)

    parse_range(str(span))
    return steps_of(ask)


def test_giving_and_freeing_in_the_middle_of_a_huge_range_takes_no_more_steps_than_at_its_start():
    span, occupied = parse_range("10.0.0.0/8"), Occupied()
    for value in range(span.first, span.first + 2000):
        occupied.add(Address(4, value))
    at_start = steps_of(lambda: occupied.add(occupied.first_free(span)))
    for value in range(span.first + 4000, span.last, span.size // 1000):
        occupied.add(Address(4, value))
    assert steps_of(lambda: occupied.add(occupied.first_free(span))) <= at_start
    middle = Address(4, span.first + 1000)
    assert steps_of(lambda: (occupied.remove(middle), occupied.add(middle))) <= 2 * at_start + 20
