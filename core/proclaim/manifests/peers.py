"""BGPPeer (`metallb.io/v1beta1` and `v1beta2`) and BFDProfile.

The older version of BGPPeer is lifted to the newer one; its timers are plain
durations there, so zero means that nothing was said.  A password's text goes
to the report beside the noun, into no noun and no problem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from proclaim.addresses import clip, parse_address
from proclaim.manifests.fields import UINT32, Fields, Report
from proclaim.manifests.metadata import Metadata
from proclaim.manifests.selectors import selectors
from proclaim.manifests.values import SECOND, canonical_address, canonical_ipv4, parse_duration
from proclaim.model import BFDProfile, BGPPeer, Secret

BGP_PORT = 179
_MAX_SECONDS = 65535  # two octets in OPEN (RFC 4271 section 4.2)
_MIN_HOLD = 3  # RFC 4271 section 4.2
_LONGEST_PASSWORD = 80  # TCP_MD5SIG_MAXKEYLEN of the kernel
_LONGEST_INTERFACE = 15  # IFNAMSIZ of the kernel


_Dynamic: TypeAlias = Literal["", "internal", "external"]
_DYNAMIC: tuple[_Dynamic, ...] = ("internal", "external")


class _Timers(NamedTuple):
    """Seconds; None where nothing was said."""

    hold: int | None
    keepalive: int | None


def read_peer(root: Fields, metadata: Metadata, report: Report) -> BGPPeer:
    """A BGPPeer of the present version."""
    spec = root.optional("spec")
    if not root.has("spec"):
        root.missing("spec", "a mapping with myASN and peerASN")
    my_asn = _as_number(spec, "myASN", required=True)
    peer_asn, dynamic_asn = _remote(spec)
    peer_address, interface = _neighbor(spec)
    source_address = _source(spec, peer_address)
    timers = _timers(spec, zero_is_unset=False)
    password, password_secret = _password(spec, report)
    spec.flag("disableMP")  # has no effect in MetalLB either
    peer = BGPPeer(
        name=metadata.name,
        my_asn=my_asn,
        peer_asn=peer_asn,
        dynamic_asn=dynamic_asn,
        local_asn=_as_number(spec, "localASN", required=False),
        peer_address=peer_address,
        interface=interface,
        source_address=source_address,
        peer_port=spec.whole("peerPort", 1, 65535) or BGP_PORT,
        hold_seconds=timers.hold,
        keepalive_seconds=timers.keepalive,
        connect_seconds=_connect_time(spec),
        router_id=_address(spec, "routerID", canonical_ipv4),
        node_selectors=selectors(spec, "nodeSelectors"),
        password=password,
        password_secret=password_secret,
        bfd_profile=spec.text("bfdProfile"),
        graceful_restart=spec.flag("enableGracefulRestart"),
        ebgp_multi_hop=_multi_hop(spec, my_asn, peer_asn),
        vrf=spec.text("vrf"),
        dual_stack_address_family=spec.flag("dualStackAddressFamily"),
    )
    spec.close()
    return peer


def read_old_peer(root: Fields, metadata: Metadata, report: Report) -> BGPPeer:
    """A BGPPeer of `v1beta1`, lifted."""
    spec = root.optional("spec")
    if not root.has("spec"):
        root.missing("spec", "a mapping with myASN, peerASN and peerAddress")
    my_asn = _as_number(spec, "myASN", required=True)
    peer_asn = _as_number(spec, "peerASN", required=True)
    if not spec.get("peerAddress"):
        spec.missing("peerAddress", "an IP address")
    peer_address = _address(spec, "peerAddress", canonical_address)
    timers = _timers(spec, zero_is_unset=True)
    password, _ = _password(spec, report, references=False)
    peer = BGPPeer(
        name=metadata.name,
        my_asn=my_asn,
        peer_asn=peer_asn,
        peer_address=peer_address,
        source_address=_source(spec, peer_address),
        peer_port=spec.whole("peerPort", 0, 65535) or BGP_PORT,
        hold_seconds=timers.hold,
        keepalive_seconds=timers.keepalive,
        router_id=_address(spec, "routerID", canonical_ipv4),
        node_selectors=selectors(spec, "nodeSelectors"),
        password=password,
        bfd_profile=spec.text("bfdProfile"),
        ebgp_multi_hop=_multi_hop(spec, my_asn, peer_asn),
    )
    spec.close()
    return peer


def _as_number(spec: Fields, key: str, *, required: bool) -> int:
    number = spec.whole(key, 1, UINT32)  # AS 0 is reserved (RFC 7607)
    if number is None and required and not spec.has(key):
        spec.missing(key, f"a whole number from 1 to {UINT32}")
    return number or 0


def _remote(spec: Fields) -> tuple[int, _Dynamic]:
    """peerASN and dynamicASN, of which exactly one is given; peerASN 0 is not given."""
    peer_asn = spec.whole("peerASN", 0, UINT32)
    dynamic_asn = spec.choice("dynamicASN", _DYNAMIC, "")
    if peer_asn and dynamic_asn:
        spec.problem("dynamicASN", "is given together with peerASN; drop one")
    elif spec.get("peerASN") in (None, 0) and not spec.get("dynamicASN"):
        spec.missing("peerASN", f"a whole number from 1 to {UINT32} (or dynamicASN)")
    return peer_asn or 0, dynamic_asn


def _multi_hop(spec: Fields, my_asn: int, peer_asn: int) -> bool:
    """ebgpMultiHop; beside `dynamicASN: internal` it does nothing, and MetalLB lets it pass."""
    multi_hop = spec.flag("ebgpMultiHop")
    if multi_hop and my_asn and my_asn == peer_asn:
        spec.problem("ebgpMultiHop", "is for peers of another AS, and peerASN is myASN")
    return multi_hop


def _neighbor(spec: Fields) -> tuple[str, str]:
    """peerAddress and interface, of which exactly one is given."""
    address = _address(spec, "peerAddress", canonical_address)
    interface = spec.text("interface")
    if interface and spec.text("peerAddress"):
        spec.problem("interface", "is given together with peerAddress; drop one")
    elif not spec.get("interface") and not spec.get("peerAddress"):
        spec.missing("peerAddress", "an IP address (or interface)")
    if len(interface) > _LONGEST_INTERFACE or any(
        not letter.isprintable() or letter in "/ " for letter in interface
    ):
        spec.problem("interface", f"{clip(interface)} is not an interface's name")
    return address, interface


def _address(spec: Fields, key: str, canonical: Callable[[str], str]) -> str:
    text = spec.text(key)
    try:
        return canonical(text) if text else ""
    except ValueError as error:
        spec.problem(key, str(error))
        return ""


def _source(spec: Fields, peer_address: str) -> str:
    """sourceAddress, which must be able to speak with peerAddress."""
    address = _address(spec, "sourceAddress", canonical_address)
    if peer_address and address and _family(peer_address) != _family(address):
        spec.problem("sourceAddress", f"is not of the family of peerAddress {peer_address}")
    return address


def _family(address: str) -> int:
    return parse_address(address).family


def _duration(spec: Fields, key: str) -> int | None:
    """Nanoseconds; None when absent or wrong."""
    value = spec.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        spec.problem(key, "is a number; a duration such as 90s or 1m30s is expected")
        return None
    text = spec.text(key)
    if not isinstance(value, str):
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        spec.problem(key, str(error))
        return None


def _timers(spec: Fields, *, zero_is_unset: bool) -> _Timers:
    """The two timers; where only one is given, the other follows from it."""
    hold, keepalive = _duration(spec, "holdTime"), _duration(spec, "keepaliveTime")
    if zero_is_unset:
        hold, keepalive = hold or None, keepalive or None
    good = True
    if hold is not None and not (0 <= hold < SECOND or _MIN_HOLD <= hold // SECOND <= _MAX_SECONDS):
        text = clip(spec.text("holdTime"))
        spec.problem("holdTime", f"{text} is not 0s, or from {_MIN_HOLD}s to {_MAX_SECONDS}s")
        good = False
    if keepalive is not None and not (
        keepalive == 0 or SECOND <= keepalive <= _MAX_SECONDS * SECOND
    ):
        text = clip(spec.text("keepaliveTime"))
        spec.problem("keepaliveTime", f"{text} is not 0s, or from 1s to {_MAX_SECONDS}s")
        good = False
    if not good:
        return _Timers(None, None)
    if hold is None:
        hold = None if keepalive is None else min(3 * keepalive, _MAX_SECONDS * SECOND)
    elif keepalive is None:
        keepalive = hold // 3
    if hold is None or keepalive is None:
        return _Timers(None, None)
    if keepalive > hold:
        spec.problem("keepaliveTime", "is longer than holdTime; a third of it is usual")
    return _Timers(hold // SECOND, keepalive // SECOND)


def _connect_time(spec: Fields) -> int | None:
    nanoseconds = _duration(spec, "connectTime")
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, SECOND)
    if rest or not 1 <= seconds <= _MAX_SECONDS:
        text = clip(spec.text("connectTime"))
        spec.problem(
            "connectTime", f"{text} is not a whole number of seconds from 1s to {_MAX_SECONDS}s"
        )
    return seconds


def _password(spec: Fields, report: Report, *, references: bool = True) -> tuple[Secret, str]:
    """Where the password comes from; the text itself goes to the report only."""
    text = spec.text("password")
    reference = ""
    if references and (secret := spec.mapping("passwordSecret")):
        reference = secret.text("name")
        secret.text("namespace")
        secret.close()
    if text and reference:
        spec.problem("passwordSecret", "is given together with password; drop one")
    if len(text.encode("utf-8", "replace")) > _LONGEST_PASSWORD:
        spec.problem("password", f"is longer than {_LONGEST_PASSWORD} bytes")
    if text:
        report.password = text
        return Secret.INLINE, ""
    return (Secret.REFERENCE, reference) if reference else (Secret.NONE, "")


def read_bfd_profile(root: Fields, metadata: Metadata) -> BFDProfile:
    """A BFDProfile; what it does not say is for the BFD speaker to choose."""
    spec = root.optional("spec")
    profile = BFDProfile(
        name=metadata.name,
        receive_interval_ms=spec.whole("receiveInterval", 10, 60000),
        transmit_interval_ms=spec.whole("transmitInterval", 10, 60000),
        detect_multiplier=spec.whole("detectMultiplier", 2, 255),
        echo_interval_ms=spec.whole("echoInterval", 10, 60000),
        echo_mode=spec.flag("echoMode"),
        passive_mode=spec.flag("passiveMode"),
        minimum_ttl=spec.whole("minimumTtl", 1, 254),
    )
    spec.close()
    return profile
