"""Runs the plugin in a namespace: wanted sets come in as JSON lines, observations go out.

Arguments: this node's name, then `name=address` for each fellow.
"""

import json
import logging
import sys

import msgspec
import trio
from proclaim import Announcement, Latest, Node, Settings, SystemHost, Wanted
from proclaim_l2_arp.plugin import proclaim_announcers, proclaim_detectors


def _wanted(line):
    return Wanted(
        {
            (address, ""): Announcement(address, (address,), (), tuple(to))
            for address, to in json.loads(line).items()
        }
    )


async def _observe(observation):
    sys.stdout.write(msgspec.json.encode(observation).decode() + "\n")
    sys.stdout.flush()


async def _main(node, *fellows):
    host, wanted = SystemHost(node), Latest(Wanted())
    pairs = [fellow.split("=") for fellow in fellows]
    nodes = Latest(tuple(Node(name=name, addresses=(address,)) for name, address in pairs))
    (announcer,) = proclaim_announcers(Settings(), host)
    (detector,) = proclaim_detectors(Settings(), host)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(announcer.run, wanted, _observe)
        if fellows:
            nursery.start_soon(detector.run, nodes, _observe)
        stdin = trio.lowlevel.FdStream(sys.stdin.fileno())
        rest = b""
        async for received in stdin:
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                wanted.set(_wanted(line))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    trio.run(_main, *sys.argv[1:])
