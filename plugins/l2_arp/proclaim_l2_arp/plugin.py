"""What this distribution offers to Proclaim: the announcer `l2` and the detector `heartbeat`.

Imports inside the hooks: every command loads this module, and few need netlink.
"""

from __future__ import annotations

from collections.abc import Iterable

from proclaim import Announcer, Detector, Host, Settings, hookimpl


@hookimpl
def proclaim_announcers(settings: Settings, host: Host) -> Iterable[Announcer]:
    """Answer ARP and NDP, unless `[l2_arp] enabled` is false."""
    from proclaim_l2_arp.options import read_options

    options = read_options(settings)
    if not options.enabled:
        return ()
    from proclaim_l2_arp.driver import L2Announcer
    from proclaim_l2_arp.linux import LinuxLink

    return (L2Announcer(host.node, LinuxLink(), options, host),)


@hookimpl
def proclaim_detectors(settings: Settings, host: Host) -> Iterable[Detector]:
    """Watch fellow nodes, unless `[l2_arp]` or `[l2_arp.heartbeat]` is not enabled."""
    from proclaim_l2_arp.options import read_options

    options = read_options(settings)
    if not (options.enabled and options.heartbeat.enabled):
        return ()
    from proclaim_l2_arp.heartbeat.detector import Heartbeat
    from proclaim_l2_arp.heartbeat.udp import open_udp

    return (Heartbeat(host, options.heartbeat, open_udp),)
