"""What a peer is told, as a peer would hear it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from proclaim_bgp.outbox import Outbox
from proclaim_bgp.wire import (
    Context,
    Family,
    Frame,
    PathAttributes,
    Prefix,
    Update,
    decode,
    encode_attributes,
    prefix,
    take,
)


class Form:
    """Says a number as the MED, and pads with communities."""

    def attributes(self, family: Family, content: int) -> bytes:
        hop = b"\x0a\0\0\1" if family is Family.IPV4 else b""
        said = PathAttributes(0, (), med=content, communities=(1,) * (content % 2000))
        return encode_attributes(said, hop)

    def next_hop(self, family: Family) -> bytes:
        return b"\x0a\0\0\1" if family is Family.IPV4 else bytes(15) + b"\1"


FORM = Form()


class Listener:
    """The other end: a table made of what was heard."""

    def __init__(self) -> None:
        self.table: dict[Prefix, int] = {}
        self.markers: list[Family] = []
        self.messages = 0

    def hear(self, message: bytes) -> None:
        found, at = take(message, 0)
        assert isinstance(found, Frame)
        assert at == len(message)
        update = decode(found, Context(external=True))
        assert isinstance(update, Update)
        assert not update.flaws
        self.messages += 1
        for gone in update.withdrawn:
            self.table.pop(gone, None)
        for reach in update.reach:
            assert update.attributes.med is not None
            self.table.update(dict.fromkeys(reach.prefixes, update.attributes.med))
        if update.end_of_rib is not None:
            self.markers.append(update.end_of_rib)

    def drain(self, outbox: Outbox[int], limit: int = 4096) -> None:
        while not outbox.idle:
            if message := outbox.next(FORM, limit):
                assert len(message) <= limit
                self.hear(message)
        assert outbox.next(FORM, limit) is None


def routes(count: int, start: int = 0) -> list[Prefix]:
    return [prefix(f"10.0.{n >> 8}.{n & 255}/32") for n in range(start, start + count)]


def test_routes_with_equal_attributes_share_messages() -> None:
    outbox: Outbox[int] = Outbox()
    for one in routes(10_000):
        outbox.want(one, 1)
    outbox.begin([Family.IPV4])
    listener = Listener()
    listener.drain(outbox)
    assert len(listener.table) == outbox.advertised == 10_000
    assert listener.messages <= 14
    for one in routes(9_990):
        outbox.drop(one)
    listener.drain(outbox)
    assert set(listener.table) == set(routes(10, 9_990))


def test_end_of_rib_comes_once_for_each_family_after_the_first_routes() -> None:
    outbox: Outbox[int] = Outbox()
    outbox.want(prefix("10.0.0.1/32"), 1)
    outbox.want(prefix("2001:db8::1/128"), 1)
    outbox.begin(list(Family))
    listener = Listener()
    while not listener.markers:
        message = outbox.next(FORM)
        assert message is not None
        listener.hear(message)
    assert len(listener.table) == 2
    listener.drain(outbox)
    outbox.want(prefix("10.0.0.2/32"), 1)
    listener.drain(outbox)
    assert listener.markers == [Family.IPV4, Family.IPV6]


def test_end_of_rib_comes_also_for_families_in_which_nothing_can_be_said() -> None:
    outbox: Outbox[int] = Outbox()
    outbox.want(prefix("10.0.0.1/32"), 1)
    outbox.want(prefix("2001:db8::1/128"), 1)
    for spoken in ([Family.IPV4], []):
        outbox.begin(spoken, agreed=Family)
        listener = Listener()
        listener.drain(outbox)
        assert len(listener.table) == len(spoken)
        assert listener.markers == [Family.IPV4, Family.IPV6]


def test_end_of_rib_waits_while_there_may_be_more_to_come() -> None:
    outbox: Outbox[int] = Outbox()
    outbox.want(prefix("10.0.0.1/32"), 1)
    outbox.begin([Family.IPV4], incomplete=True)
    listener = Listener()
    listener.drain(outbox)
    assert (len(listener.table), listener.markers) == (1, [])
    outbox.want(prefix("10.0.0.2/32"), 1)
    outbox.complete()
    message = outbox.next(FORM)
    assert message is not None
    listener.hear(message)
    assert (len(listener.table), listener.markers) == (2, [])
    listener.drain(outbox)
    assert listener.markers == [Family.IPV4]


def test_a_family_that_was_not_agreed_on_is_not_spoken() -> None:
    outbox: Outbox[int] = Outbox()
    outbox.want(prefix("2001:db8::1/128"), 1)
    outbox.begin([Family.IPV4])
    outbox.want(prefix("2001:db8::2/128"), 1)
    listener = Listener()
    listener.drain(outbox)
    assert (listener.table, listener.markers) == ({}, [Family.IPV4])


def test_a_refresh_says_everything_of_one_family_again() -> None:
    outbox: Outbox[int] = Outbox()
    for one in ("10.0.0.1/32", "10.0.0.2/32", "2001:db8::1/128"):
        outbox.want(prefix(one), 1)
    outbox.begin(list(Family))
    Listener().drain(outbox)
    outbox.drop(prefix("10.0.0.2/32"))
    outbox.refresh(Family.IPV4)
    again = Listener()
    again.table[prefix("10.0.0.2/32")] = 1
    again.drain(outbox)
    assert again.table == {prefix("10.0.0.1/32"): 1}
    assert again.markers == []
    assert outbox.advertised == 2


def test_a_change_of_mind_before_sending_sends_nothing() -> None:
    outbox: Outbox[int] = Outbox()
    outbox.want(prefix("10.0.0.1/32"), 1)
    outbox.begin([Family.IPV4])
    Listener().drain(outbox)
    outbox.want(prefix("10.0.0.1/32"), 2)
    outbox.want(prefix("10.0.0.1/32"), 1)
    outbox.want(prefix("10.0.0.2/32"), 1)
    outbox.drop(prefix("10.0.0.2/32"))
    assert outbox.next(FORM) is None
    assert outbox.idle


def test_a_new_session_hears_everything_again() -> None:
    outbox: Outbox[int] = Outbox()
    outbox.want(prefix("10.0.0.1/32"), 1)
    for _ in range(2):
        outbox.begin([Family.IPV4])
        listener = Listener()
        listener.drain(outbox)
        assert listener.table == {prefix("10.0.0.1/32"): 1}
        outbox.end()
        assert outbox.idle
        assert outbox.advertised == 0


def test_a_route_whose_attributes_fit_no_message_is_withdrawn_and_named() -> None:
    outbox: Outbox[int] = Outbox()
    one = prefix("10.0.0.1/32")
    outbox.want(one, 1)
    outbox.begin([Family.IPV4])
    listener = Listener()
    listener.drain(outbox)
    outbox.want(one, 1999)  # 8,000 octets of communities
    listener.drain(outbox)
    assert listener.table == {}
    assert outbox.unsendable == {one: 1999}
    outbox.want(one, 2)
    listener.drain(outbox)
    assert listener.table == {one: 2}
    assert outbox.unsendable == {}


POOL = [
    *(prefix(f"10.{n}.0.0/{16 + n % 17}") for n in range(12)),
    *(prefix(f"2001:db8:{n:x}::/{48 + n * 5}") for n in range(12)),
]
contents = st.sampled_from((0, 1, 2, 50, 500, 1999))
actions = st.one_of(
    st.tuples(st.just("want"), st.sampled_from(POOL), contents),
    st.tuples(st.just("drop"), st.sampled_from(POOL)),
    st.tuples(st.just("send"), st.sampled_from((256, 512, 4096))),
    st.tuples(st.just("refresh"), st.sampled_from(Family)),
    st.tuples(st.just("restart"), st.sets(st.sampled_from(Family), min_size=1), st.booleans()),
    st.tuples(st.just("complete")),
)


@given(st.lists(actions, max_size=60), st.sampled_from((256, 4096)))
def test_whatever_happens_the_peer_ends_with_what_is_wanted(
    script: list[tuple[object, ...]], limit: int
) -> None:
    outbox: Outbox[int] = Outbox()
    families, incomplete = set(Family), False
    outbox.begin(families)
    wanted: dict[Prefix, int] = {}
    listener = Listener()
    for action in script:
        match action:
            case ("want", Prefix() as one, int(content)):
                wanted[one] = content
                outbox.want(one, content)
            case ("drop", Prefix() as one):
                wanted.pop(one, None)
                outbox.drop(one)
            case ("send", int(most)):
                if message := outbox.next(FORM, most):
                    listener.hear(message)
            case ("refresh", Family() as family):
                outbox.refresh(family)
            case ("restart", set(chosen), bool(incomplete)):
                families = {Family(each) for each in chosen}
                outbox.begin(families, incomplete)
                listener = Listener()
            case ("complete",):
                incomplete = False
                outbox.complete()
            case _:
                raise AssertionError(action)
    listener.drain(outbox, limit)
    fits = {
        one: content
        for one, content in wanted.items()
        if one.family in families and one not in outbox.unsendable
    }
    assert listener.table == fits
    assert outbox.advertised == len(fits)
    assert all(len(FORM.attributes(one.family, wanted[one])) > 200 for one in outbox.unsendable)
    assert listener.markers == [] if incomplete else sorted(listener.markers) == sorted(families)
