"""A BGPPeer as its two connections, and what it is told."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from proclaim import Announcement, Attributes, BGPPeer
from proclaim.model import Secret
from proclaim_bgp.collision import Side, resolve
from proclaim_bgp.neighbor import (
    Neighbor,
    Speech,
    concerns,
    happen,
    impediment,
    neighbor,
    next_hops,
    password_problem,
    reservations,
    router_id,
    single_hop,
    terms_of,
    wake_at,
)
from proclaim_bgp.session import Phase
from proclaim_bgp.signals import Closed, Connected, Input, OpenTransport, Received, Send, Start, Up
from proclaim_bgp.terms import Agreed
from proclaim_bgp.wire import (
    Context,
    Family,
    Frame,
    Keepalive,
    Notification,
    Update,
    decode,
    opening,
    pack,
    pack_reach,
    path_text,
    prefix,
    take,
)


def peer(**fields: object) -> BGPPeer:
    given = {"name": "p", "my_asn": 64512, "peer_asn": 64513, "peer_address": "192.0.2.2"}
    return BGPPeer(**(given | fields))  # type: ignore[arg-type]  # keywords of BGPPeer


# --- from the resource ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hold", "keepalive", "expected"),
    [(None, None, (90, None)), (30, None, (30, None)), (None, 5, (15, 5)), (0, 0, (0, 0))],
)
def test_timers_follow_from_each_other(
    hold: int | None, keepalive: int | None, expected: tuple[int, int | None]
) -> None:
    terms = terms_of(peer(hold_seconds=hold, keepalive_seconds=keepalive))
    assert (terms.hold_seconds, terms.keepalive_seconds) == expected


def test_the_family_is_the_address_own_unless_both_are_asked_for() -> None:
    assert terms_of(peer()).families == (Family.IPV4,)
    assert terms_of(peer(peer_address="2001:db8::2")).families == (Family.IPV6,)
    both = terms_of(peer(dual_stack_address_family=True))
    assert both.families == (Family.IPV4, Family.IPV6)


def test_a_restart_time_is_said_only_where_graceful_restart_is_asked_for() -> None:
    assert terms_of(peer()).restart_seconds is None
    assert terms_of(peer(graceful_restart=True)).restart_seconds == 120
    assert terms_of(peer(graceful_restart=True), 7).restart_seconds == 7


def test_a_local_as_is_shown_instead_of_ours() -> None:
    assert terms_of(peer(local_asn=64999)).asn == 64999


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"vrf": "red"}, "vrf"),
        ({"peer_address": "", "interface": "eth0"}, "unnumbered"),
        ({"peer_asn": 0}, "neither"),
    ],
)
def test_what_cannot_work_is_said(fields: dict[str, object], word: str) -> None:
    assert word in impediment(peer(**fields))
    assert impediment(peer()) == ""


def test_what_is_left_out_is_said() -> None:
    assert len(reservations(peer(bfd_profile="fast"))) == 1
    assert reservations(peer(graceful_restart=True)) == ()


def test_a_password_must_be_known_and_short_enough() -> None:
    guarded = peer(password=Secret.REFERENCE)
    assert "not known yet" in password_problem(guarded, None)
    assert "80 octets" in password_problem(guarded, "x" * 81)
    assert password_problem(guarded, "x" * 80) == ""
    assert password_problem(peer(), None) == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"ebgp_multi_hop": True}, False),
        ({"peer_asn": 64512}, False),
        ({"peer_asn": 0, "dynamic_asn": "internal"}, False),
        ({"peer_asn": 0, "dynamic_asn": "external"}, True),
        ({"peer_address": "127.0.0.1"}, False),
        ({"peer_address": "::1"}, False),
    ],
)
def test_only_external_peers_must_be_one_hop_away(
    fields: dict[str, object], expected: bool
) -> None:
    assert single_hop(peer(**fields)) is expected


def test_the_identifier_is_configured_or_local_or_made_from_the_node() -> None:
    def chosen(*arguments: object, **fields: object) -> str:
        return str(ip_address(router_id(peer(**fields), "node1", *arguments)))  # type: ignore[arg-type]  # local, beside

    assert chosen("192.0.2.1", router_id="10.9.8.7") == "10.9.8.7"
    assert chosen("192.0.2.1") == "192.0.2.1"
    assert chosen("2001:db8::1", ("2001:db8::5", "192.0.2.9")) == "192.0.2.9"
    assert chosen("2001:db8::1") == "64.37.239.133"  # as MetalLB computes it


def test_an_announcement_without_receivers_is_for_everyone() -> None:
    def to(*peers: str) -> Announcement:
        return Announcement("198.51.100.1/32", (), (), peers)

    assert concerns(to(), "p")
    assert concerns(to("o", "p"), "p")
    assert not concerns(to("o"), "p")


# --- what it is told ----------------------------------------------------------------------------


def agreed(external: bool = True, four_octet: bool = True) -> Agreed:
    asns = (64512, 64513 if external else 64512)
    return Agreed(asns[0], 1, asns[1], 2, 90, 30, four_octet, frozenset(Family), True)


def heard(content: Attributes, external: bool = True) -> Update:
    agreement = agreed(external)
    speech = Speech(agreement, {Family.IPV4: b"\xc0\0\2\1", Family.IPV6: bytes(15) + b"\1"})
    message = pack_reach(
        Family.IPV4,
        speech.next_hop(Family.IPV4),
        speech.attributes(Family.IPV4, content),
        pack([prefix("198.51.100.1/32")]),
    )
    found, _ = take(message, 0)
    assert isinstance(found, Frame)
    update = decode(found, Context(external=external))
    assert isinstance(update, Update)
    return update


def test_the_outside_sees_our_as_and_no_preference() -> None:
    update = heard(Attributes(local_pref=150, communities=("64512:100", "large:64512:1:2")))
    assert update.reach[0].next_hop == "192.0.2.1"
    assert path_text(update.attributes.as_path or ()) == "64512"
    assert update.attributes.local_pref is None
    assert update.attributes.communities == (64512 << 16 | 100,)
    assert update.attributes.large_communities == ((64512, 1, 2),)
    assert not update.flaws


def test_the_inside_sees_a_preference_and_an_empty_path() -> None:
    for asked, told in ((150, 150), (0, 100)):
        update = heard(Attributes(local_pref=asked), external=False)
        assert update.attributes.as_path == ()
        assert update.attributes.local_pref == told
        assert not update.flaws


BOTH = frozenset(Family)


def texts(hops: dict[Family, bytes]) -> dict[int, str]:
    return {family.version: str(ip_address(hop)) for family, hop in hops.items()}


def test_next_hops_are_the_session_own_address_and_one_beside_it() -> None:
    found = next_hops(BOTH, "192.0.2.1", ("198.51.100.9", "2001:db8::1"), {})
    assert texts(found) == {4: "192.0.2.1", 6: "2001:db8::1"}
    found = next_hops(BOTH, "2001:db8::1", ("2001:db8::5", "192.0.2.1"), {})
    assert texts(found) == {4: "192.0.2.1", 6: "2001:db8::1"}


def test_a_family_without_an_address_has_no_next_hop() -> None:
    assert texts(next_hops(BOTH, "192.0.2.1", ("fe80::1",), {})) == {4: "192.0.2.1"}


def test_a_configured_next_hop_goes_first() -> None:
    found = next_hops(BOTH, "192.0.2.1", (), {Family.IPV6: "2001:db8::7"})
    assert texts(found) == {4: "192.0.2.1", 6: "2001:db8::7"}


def test_a_link_local_session_prefers_a_global_next_hop() -> None:
    only6 = frozenset((Family.IPV6,))
    assert texts(next_hops(only6, "fe80::1%eth0", ("2001:db8::1",), {})) == {6: "2001:db8::1"}
    assert texts(next_hops(only6, "fe80::1%eth0", (), {})) == {6: "fe80::1"}


# --- two connections ----------------------------------------------------------------------------

LOW, HIGH = 1, 9


class Play:
    """A neighbor, and what came out of it."""

    def __init__(self) -> None:
        self.known: Neighbor = neighbor(terms_of(peer()))
        self.outputs: list[tuple[Side, object]] = []

    def feed(self, side: Side, *script: Input, now: float = 0.0) -> None:
        for happened in script:
            self.known, answer = happen(self.known, side, happened, now)
            self.outputs += answer

    def sent(self, side: Side) -> list[object]:
        return [
            output.message
            for whose, output in self.outputs
            if whose is side and isinstance(output, Send)
        ]


def hello(identifier: int) -> Received:
    return Received(opening(64513, 90, identifier, (Family.IPV4,)))


@pytest.mark.parametrize(
    ("local", "remote", "loser"), [(LOW, HIGH, Side.OURS), (HIGH, LOW, Side.THEIRS)]
)
def test_of_two_connections_the_one_of_the_higher_identifier_stays(
    local: int, remote: int, loser: Side
) -> None:
    play = Play()
    play.feed(Side.OURS, Start(), Connected(local))
    play.feed(Side.THEIRS, Connected(local))
    play.feed(Side.OURS, hello(remote))
    assert resolve(play.known.ours, play.known.theirs) is None
    play.feed(Side.THEIRS, hello(remote))
    assert play.sent(loser)[-1] == Notification(6, 7)
    assert play.known.of(loser).phase is Phase.IDLE
    play.feed(loser.other, Received(Keepalive()))
    assert play.known.up is loser.other
    assert play.known.last_error == ""


def test_of_equal_identifiers_the_higher_as_decides() -> None:
    play = Play()
    play.feed(Side.OURS, Start(), Connected(7), hello(7))
    play.feed(Side.THEIRS, Connected(7), hello(7))
    assert play.known.ours.phase is Phase.IDLE  # 64513 is theirs


def test_an_established_connection_is_never_given_up_for_another() -> None:
    for side in Side:
        play = Play()
        play.feed(Side.OURS, Start(), Connected(LOW))
        play.feed(Side.THEIRS, Connected(LOW))
        play.feed(side, hello(HIGH), Received(Keepalive()))
        play.feed(side.other, hello(HIGH))
        assert play.sent(side.other)[-1] == Notification(6, 7)
        assert play.known.up is side


def test_our_attempts_rest_while_their_connection_lives() -> None:
    play = Play()
    play.feed(Side.OURS, Start())
    play.feed(Side.THEIRS, Connected(LOW), hello(HIGH), Received(Keepalive()))
    assert play.known.up is Side.THEIRS
    assert play.known.ours.phase is Phase.IDLE
    assert play.known.ours.retry_at is None
    play.feed(Side.THEIRS, Closed("reset"), now=50.0)
    assert play.known.up is None
    assert play.known.last_error == "reset"
    assert wake_at(play.known) == 51.0


def test_a_failed_connection_of_theirs_leaves_ours_alone() -> None:
    play = Play()
    play.feed(Side.OURS, Start())
    play.feed(Side.THEIRS, Connected(LOW), Closed("reset"))
    opened = [output for _, output in play.outputs if isinstance(output, OpenTransport)]
    assert len(opened) == 1
    play.feed(Side.OURS, Connected(LOW), hello(HIGH), Received(Keepalive()))
    assert any(isinstance(output, Up) for _, output in play.outputs)
