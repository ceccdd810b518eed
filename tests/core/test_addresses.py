"""Address arithmetic against an oracle that walks every address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim.addresses import (
    BITS,
    Address,
    Occupied,
    Range,
    buggy_count,
    canonical_prefix,
    is_buggy,
    parse_address,
    parse_range,
    prefix_of,
    shortest_block,
)

# Small enough to walk, across several /24 and with both ends of the number line in reach.
BASES = st.sampled_from(
    [(4, 0), (4, 0xC0000200 - 300), (4, (1 << 32) - 700), (6, 0x20010DB8 << 96)]
)


@st.composite
def spans(draw, longest=600):
    family, base = draw(BASES)
    first = base + draw(st.integers(0, 60))
    return Range(family, first, first + draw(st.integers(0, longest)))


def walk(span):
    return [Address(span.family, value) for value in range(span.first, span.last + 1)]


def filled(addresses):
    occupied = Occupied()
    for address in addresses:
        occupied.add(address)
    return occupied


@given(spans(), spans())
def test_a_range_covers_and_overlaps_what_walking_it_finds(one, other):
    mine, theirs = set(walk(one)), set(walk(other))
    assert one.size == len(mine)
    assert one.overlaps(other) == bool(mine & theirs)
    assert all(one.covers(address) == (address in mine) for address in theirs)


@given(spans())
def test_a_range_reads_back_from_its_own_text(span):
    assert parse_range(str(span)) == span


@given(st.sampled_from([4, 6]), st.data())
def test_an_address_reads_back_from_its_own_text(family, data):
    address = Address(family, data.draw(st.integers(0, (1 << BITS[family]) - 1)))
    if family == 6 and address.value >> 32 == 0xFFFF:
        with pytest.raises(ValueError, match="inside IPv6"):
            parse_address(str(address))
    else:
        assert parse_address(str(address)) == address


@given(spans())
def test_the_shortest_block_is_the_largest_aligned_one_inside(span):
    bits = BITS[span.family]
    fitting = [
        length
        for length in range(bits + 1)
        if (size := 1 << (bits - length)) <= span.size
        and -(-span.first // size) * size + size - 1 <= span.last
    ]
    assert shortest_block(span) == min(fitting)


@given(spans())
def test_buggy_addresses_are_counted_as_walking_counts_them(span):
    assert buggy_count(span) == sum(is_buggy(address) for address in walk(span))


@given(spans(longest=40), st.lists(st.integers(0, 120), max_size=60), st.booleans())
def test_the_first_free_address_is_what_walking_finds(span, steps, avoid):
    start = max(0, span.first - 20)
    used = {Address(span.family, start + step) for step in steps}
    occupied = filled(sorted(used, key=lambda address: hash((address, len(steps)))))
    free = [
        address
        for address in walk(span)
        if address not in used and not (avoid and is_buggy(address))
    ]
    assert occupied.first_free(span, avoid) == (free[0] if free else None)
    assert occupied.count(span) == len(used & set(walk(span)))


@given(st.lists(st.tuples(st.sampled_from([4, 6]), st.integers(0, 12)), max_size=60))
def test_occupied_is_a_set_whatever_the_order_of_adding_and_removing(toggles):
    occupied, oracle = Occupied(), set()
    for family, value in toggles:
        address = Address(family, value)
        before, untouched = occupied.copy(), set(oracle)
        if address in oracle:
            occupied.remove(address)
            oracle.remove(address)
        else:
            occupied.add(address)
            oracle.add(address)
        assert before == filled(untouched), "a copy shares nothing"
    assert occupied == filled(sorted(oracle))
    for family in (4, 6):
        assert all(
            (Address(family, value) in occupied) == (Address(family, value) in oracle)
            for value in range(14)
        )


def test_occupied_says_what_it_holds_and_compares_only_with_its_like():
    occupied = filled([parse_address("192.0.2.0"), parse_address("192.0.2.1")])
    assert repr(occupied) == "Occupied(192.0.2.0/31)"
    assert occupied != {parse_address("192.0.2.0"), parse_address("192.0.2.1")}


def test_freeing_an_address_that_is_not_occupied_is_a_mistake():
    occupied = filled([parse_address("192.0.2.1")])
    with pytest.raises(AssertionError, match="not occupied"):
        occupied.remove(parse_address("192.0.2.2"))
    with pytest.raises(AssertionError, match="twice"):
        occupied.add(parse_address("192.0.2.1"))


@pytest.mark.parametrize("text", ["10.0.0.0/8", "2001:db8::/64", "::/0", "0.0.0.0/0"])
def test_a_huge_range_costs_what_a_small_one_costs(text):
    span = parse_range(text)
    occupied = Occupied()
    for _ in range(2000):
        free = occupied.first_free(span, avoid_buggy=True)
        assert free is not None
        occupied.add(free)
    assert occupied.count(span) == 2000
    assert shortest_block(span) == int(text.partition("/")[2])
    assert buggy_count(span) == (span.size // 128 if span.family == 4 else 0)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.77/24", "192.0.2.0/24"),
        ("192.0.2.1-192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.1 - 192.0.2.5", "192.0.2.1-192.0.2.5"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0/24"),
        ("2001:DB8:0::1/64", "2001:db8::/64"),
        ("255.255.255.255/32", "255.255.255.255/32"),
        ("ff::/8", "::/8"),
    ],
)
def test_a_range_has_one_canonical_text(text, canonical):
    assert str(parse_range(text)) == canonical


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("192.0.2.9-192.0.2.1", "ends before it starts; write 192.0.2.1-192.0.2.9"),
        ("192.0.2.1-2001:db8::1", "mixes IPv4 and IPv6"),
        ("192.0.2.1", "is neither a CIDR nor start-end"),
        ("192.0.2.0/33", "has no prefix length from 0 to 32"),
        ("192.0.2.0/024", "has no prefix length from 0 to 32"),
        ("192.0.2.0/", "has no prefix length from 0 to 32"),
        ("192.0.2.0/-1", "is not an IP address"),
        ("192.0.2.0/٣", "has no prefix length from 0 to 32"),
        ("2001:db8::/129", "has no prefix length from 0 to 128"),
        ("192.0.02.0/24", "is not an IP address"),
        ("fe80::1%eth0-fe80::2%eth0", "names a zone"),
        ("::ffff:192.0.2.1/128", "write 192.0.2.1"),
        ("", "is neither a CIDR nor start-end"),
        ("-", "is not an IP address"),
        ("x" * 5000, "..."),
    ],
)
def test_a_range_that_is_none_says_what_is_wrong_shortly(text, problem):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is what is compared
        parse_range(text)
    assert problem in str(raised.value)
    assert len(str(raised.value)) < 150


@given(st.text(max_size=60))
def test_any_text_is_a_range_or_a_value_error(text):
    try:
        span = parse_range(text)
    except ValueError:
        return
    assert parse_range(str(span)) == span


def test_a_prefix_of_any_length_holds_its_address():
    assert prefix_of(parse_address("192.0.2.77"), 32) == "192.0.2.77/32"
    assert prefix_of(parse_address("192.0.2.77"), 26) == "192.0.2.64/26"
    assert prefix_of(parse_address("2001:db8::77"), 64) == "2001:db8::/64"
    assert prefix_of(parse_address("192.0.2.77"), 0) == "0.0.0.0/0"
    assert canonical_prefix("192.0.2.77/26") == "192.0.2.64/26"
