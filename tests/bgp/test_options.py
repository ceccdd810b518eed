"""The table `[bgp]`, the plugin's door, and the options of sockets."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest
from bgp.fake_host import FakeHost, Network
from proclaim import Settings, SettingsError, Spread
from proclaim_bgp.options import Options, endpoint, read_options
from proclaim_bgp.plugin import proclaim_announcers, proclaim_commands
from proclaim_bgp.sockets import addresses_beside, md5_option, set_options
from proclaim_bgp.wire import Family


def settings(**table: Any) -> Settings:
    return Settings(path="proclaim.toml", sections={"bgp": table})


def test_no_table_means_the_defaults() -> None:
    assert read_options(Settings()) == Options()


def test_everything_can_be_said() -> None:
    found = read_options(
        settings(
            enabled=False,
            listen=["127.0.0.1:1790", "[::1]:1790"],
            next_hop_ipv4="192.0.2.1",
            next_hop_ipv6="2001:DB8::1",
            restart_seconds=4095,
        )
    )
    assert found.listen == (("127.0.0.1", 1790), ("::1", 1790))
    assert found.next_hops == {Family.IPV4: "192.0.2.1", Family.IPV6: "2001:db8::1"}
    assert found.restart_seconds == 4095
    assert not found.enabled


@pytest.mark.parametrize(
    "table",
    [
        {"port": 179},
        {"enabled": "yes"},
        {"listen": "127.0.0.1:179"},
        {"listen": [179]},
        {"listen": ["localhost:179"]},
        {"listen": ["127.0.0.1"]},
        {"next_hop_ipv4": "2001:db8::1"},
        {"next_hop_ipv6": "x"},
        {"next_hop_ipv6": 7},
        {"next_hop_ipv4": 3},
        {"next_hop_ipv6": "fe80::1%eth0"},
        {"restart_seconds": 0},
        {"restart_seconds": 4096},
        {"restart_seconds": True},
        {"restart_seconds": "2m"},
    ],
)
def test_what_is_not_accepted_names_its_key(table: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=rf"proclaim.toml: bgp\.{next(iter(table))}: "):
        read_options(settings(**table))


@pytest.mark.parametrize("listen", ["0.0.0.0", ["0.0.0.0"]])
def test_where_to_listen_is_shown_by_example(listen: object) -> None:
    with pytest.raises(SettingsError) as caught:
        read_options(settings(listen=listen))
    assert caught.value.message.endswith("""of 'address:port', as in ["0.0.0.0:179", "[::]:179"]""")


@pytest.mark.parametrize("text", ["::1:179", "[127.0.0.1]:179", ":179", "1.2.3.4:x", "1.2.3.4:-1"])
def test_an_endpoint_is_an_address_and_a_port(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever part names it
        endpoint(text)


def test_the_plugin_offers_an_announcer_unless_it_is_disabled() -> None:
    host = FakeHost(Network(), "192.0.2.1")
    offered = list(proclaim_announcers(Settings(), host))
    assert [(each.name, each.spread) for each in offered] == [("bgp", Spread.EVERY_NODE)]
    assert list(proclaim_announcers(settings(enabled=False), host)) == []
    assert [app.info.name for app in proclaim_commands()] == ["bgp"]


def test_an_md5_key_is_laid_out_as_the_kernel_reads_it() -> None:
    option = md5_option("192.0.2.2", "secret")
    assert len(option) == 216
    assert struct.unpack_from("=HH", option) == (socket.AF_INET, 0)
    assert option[4:8] == bytes((192, 0, 2, 2))
    assert struct.unpack_from("=BBHi", option, 128) == (0, 0, 6, 0)
    assert option[136:142] == b"secret"
    six = md5_option("2001:db8::2%eth0", "")
    assert struct.unpack_from("=H", six) == (socket.AF_INET6,)
    assert six[8:24] == socket.inet_pton(socket.AF_INET6, "2001:db8::2")
    assert not any(six[136:])


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_single_hop_is_all_that_a_packet_survives(family: socket.AddressFamily) -> None:
    four = (socket.IPPROTO_IP, socket.IP_TTL)
    six = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    option = four if family == socket.AF_INET else six
    with socket.socket(family, socket.SOCK_STREAM) as made:
        usual = made.getsockopt(*option)
        set_options(made, single_hop=False)
        assert made.getsockopt(*option) == usual
        set_options(made, single_hop=True)
        assert made.getsockopt(*option) == 1


def test_the_kernel_knows_what_stands_beside_an_address() -> None:
    assert "127.0.0.1" not in addresses_beside("127.0.0.1")
    assert addresses_beside("192.0.2.254") == ()
