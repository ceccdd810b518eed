"""The source `files`: says what the manifests say, again whenever they change.

Every reading is complete, so nothing that was missed once stays missed.
Passwords go to the host before the peers that need them are observed, and
nowhere else.  Reading runs in a thread that makes way all the time, because
the loop it serves also answers ARP.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import trio
from proclaim import BGPPeer, Change, Host, Listing, Observe, Passwords, Problem
from proclaim.manifests import MAX_BYTES
from proclaim.manifests.files import FileReader, Reading, told
from proclaim.model import Secret

from proclaim_file_source.difference import difference, loses_something
from proclaim_file_source.watch import POLL_SECONDS, RESTAT_SECONDS, Watch

log = logging.getLogger("proclaim.files")

SECOND_LOOK_SECONDS = 0.2
"""How long something must be gone before it counts: whoever deletes may be about to write."""
WHOLE_LOOK_SECONDS = 3.0
"""The same where nothing at all is left: a directory may be about to be filled or mounted again."""
_BREATHE_EVERY = 0.0005
_LOGGED_PROBLEMS = 20


class FileSource:
    """Watches files and directories of manifests."""

    name = "files"

    def __init__(
        self,
        paths: tuple[str, ...],
        host: Host,
        max_bytes: int = MAX_BYTES,
        poll: float = POLL_SECONDS,
        restat: float = RESTAT_SECONDS,
    ) -> None:
        self.paths = paths
        self.max_bytes = max_bytes
        self._intervals = (poll, restat)
        self._passwords = Passwords(host.secrets)

    async def run(self, observe: Observe) -> None:
        """Observe a listing, then what changes, until cancelled."""
        reader = FileReader(self.paths, self.max_bytes, self.name)
        watch = Watch(*self._intervals)
        said: Listing | None = None
        expected = True
        while True:
            reading, news, doubtful = await _reading(reader, said)
            if doubtful:
                left = reading.listing.resources
                await trio.sleep(SECOND_LOOK_SECONDS if left else WHOLE_LOOK_SECONDS)
                reading, news, _ = await _reading(reader, said)
            self._hand_over_passwords(reading)
            if news is not None:
                if not expected:
                    watch.distrust()
                if not reading.listing.resources and not reading.listing.unreadable:
                    log.warning("nothing is described in %s", ", ".join(self.paths))
                _log_new_problems(said, reading.listing)
                await observe(news)
            said = reading.listing
            if watch.follow(reading.directories):
                expected = True  # it may have changed before the watch stood
                continue
            expected = await watch.wait()

    def _hand_over_passwords(self, reading: Reading) -> None:
        """Tell the host; a peer whose last good value stays in force keeps its password too."""
        listed = {
            sourced.resource.name: sourced.resource.password
            for sourced in reading.listing.resources
            if isinstance(sourced.resource, BGPPeer)
        }
        broken = {one.name for one in reading.listing.problems if one.kind == "BGPPeer"}
        kept = {
            name: text
            for name, text in self._passwords.given.items()
            if name not in listed and (name in broken or reading.listing.unreadable)
        }
        mine = {
            name: text
            for name, text in reading.passwords.items()
            if listed.get(name) is Secret.INLINE
        }
        self._passwords.give({**kept, **mine})


class _News(NamedTuple):
    """A reading, and what it says that was not said yet."""

    reading: Reading
    news: Listing | Change | None
    doubtful: bool
    """Whether something is gone, which a second look has to confirm."""


async def _reading(reader: FileReader, said: Listing | None) -> _News:
    return await trio.to_thread.run_sync(_read, reader, said, abandon_on_cancel=True)


def _read(reader: FileReader, said: Listing | None) -> _News:
    reading = reader.read(_breather())
    news = difference(said, reading.listing)
    doubtful = bool(said and news and loses_something(said, reading.listing))
    return _News(reading, news, doubtful)


def _breather() -> Callable[[], None]:
    """What a thread calls all the time, so that it never keeps the interpreter for long."""
    last = time.monotonic()

    def breathe() -> None:
        nonlocal last
        if time.monotonic() - last > _BREATHE_EVERY:
            time.sleep(0)
            last = time.monotonic()

    return breathe


def _log_new_problems(before: Listing | None, after: Listing) -> None:
    known: frozenset[Problem] = frozenset(before.problems) if before else frozenset()
    new = [problem for problem in after.problems if problem not in known]
    for problem in new[:_LOGGED_PROBLEMS]:
        log.error("%s", told(problem))
    if len(new) > _LOGGED_PROBLEMS:
        log.error("and %d problems more", len(new) - _LOGGED_PROBLEMS)
