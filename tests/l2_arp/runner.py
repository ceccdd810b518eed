"""Runs the announcer in a namespace: wanted sets come in as JSON lines, observations go out."""

import json
import logging
import sys

import msgspec
import trio
from proclaim import Announcement, Latest, Settings, SystemHost, Wanted
from proclaim_l2_arp.plugin import proclaim_announcers


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


async def _main(node):
    host, wanted = SystemHost(node), Latest(Wanted())
    (announcer,) = proclaim_announcers(Settings(), host)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(announcer.run, wanted, _observe)
        stdin = trio.lowlevel.FdStream(sys.stdin.fileno())
        rest = b""
        async for received in stdin:
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                wanted.set(_wanted(line))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    trio.run(_main, sys.argv[1])
