import pytest
from proclaim import Settings, SettingsError, Spread, SystemHost
from proclaim_l2_arp.options import Options, read_options
from proclaim_l2_arp.plugin import proclaim_announcers, proclaim_detectors
from proclaim_l2_arp.pulse import Pulse, beat


def settings(**table):
    return Settings(path="proclaim.toml", sections={"l2_arp": table})


def offered(chosen):
    host = SystemHost("n1")
    return [
        offer.name
        for offers in (proclaim_announcers(chosen, host), proclaim_detectors(chosen, host))
        for offer in offers
    ]


def test_without_a_table_everything_is_on():
    assert read_options(Settings()) == Options()
    assert offered(Settings()) == ["l2", "heartbeat"]
    (announcer,) = proclaim_announcers(Settings(), SystemHost("n1"))
    assert announcer.spread is Spread.ONE_NODE


def test_each_part_can_be_switched_off():
    assert offered(settings(enabled=False)) == []
    assert offered(settings(heartbeat={"enabled": False})) == ["l2"]


def test_exclusions_replace_the_default_ones():
    (pattern,) = read_options(settings(exclude_interfaces=["^wg"])).excluded
    assert pattern.pattern == "^wg"
    assert read_options(settings(exclude_interfaces=[])).excluded == ()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"enabled": "no"}, "l2_arp.enabled: 'no' is neither true nor false"),
        ({"interfaces": []}, "l2_arp.interfaces: unknown key; accepted are enabled, excl"),
        ({"exclude_interfaces": "lo"}, "l2_arp.exclude_interfaces: must be a list of reg"),
        ({"exclude_interfaces": [1]}, "l2_arp.exclude_interfaces: must be a list of reg"),
        ({"exclude_interfaces": ["("]}, "l2_arp.exclude_interfaces: '(': missing )"),
        ({"heartbeat": 1}, "l2_arp.heartbeat: must be a table"),
        ({"heartbeat": {"x": 1}}, "l2_arp.heartbeat.x: unknown key; accepted are dead_after"),
        ({"heartbeat": {"port": 0}}, "l2_arp.heartbeat.port: 0 is not a whole number from 1"),
        ({"heartbeat": {"port": True}}, "l2_arp.heartbeat.port: True is not a whole number"),
        ({"heartbeat": {"interval_ms": 1.5}}, "l2_arp.heartbeat.interval_ms: 1.5 is not a wh"),
        (
            {"heartbeat": {"dead_after_ms": 900}},
            "l2_arp.heartbeat.dead_after_ms: 900 is less than twice interval_ms = 500; raise "
            "dead_after_ms to 1000 or more, or lower interval_ms",
        ),
        (
            {"heartbeat": {"interval_ms": 5000}},
            "l2_arp.heartbeat.dead_after_ms: 2000, the default, is less than twice interval_ms = "
            "5000; raise dead_after_ms to 10000 or more",
        ),
        ({"heartbeat": {"key_file": 1}}, "l2_arp.heartbeat.key_file: 1 is not a path"),
        ({"heartbeat": {"key_file": "/nosuch"}}, "l2_arp.heartbeat.key_file: /nosuch: No suc"),
        ({"heartbeat": {"key_file": "/dev/null"}}, "l2_arp.heartbeat.key_file: /dev/null: is"),
    ],
)
def test_what_is_not_accepted_is_named_with_its_key(table, said):
    with pytest.raises(SettingsError) as raised:
        read_options(settings(**table))
    assert str(raised.value).startswith(f"proclaim.toml: {said}")


def test_a_process_that_runs_is_not_quiet():
    pulse, stood_still = beat(Pulse(0.0, standstill=2.0), 2.0)
    assert not stood_still
    assert not pulse.quiet(2.0)


def test_a_process_that_stood_still_is_quiet_for_a_while():
    pulse, stood_still = beat(Pulse(0.0, standstill=2.0, silence=1.5), 10.0)
    assert stood_still
    assert pulse.quiet(10.0)
    pulse, stood_still = beat(pulse, 11.5)
    assert not stood_still
    assert not pulse.quiet(11.5)
