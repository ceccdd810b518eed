"""Waiting until manifests may have changed.

The kernel tells about changes in a set of directories.  Where it cannot (no
watches left, a network file system) or does not, the answer is to look again
every few seconds, which the log says; and however well the kernel does, after
half a minute it is time to look anyway.  This module never looks itself, and
nothing here decides what a change means.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable
from functools import partial

import trio
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

log = logging.getLogger("proclaim.files")

POLL_SECONDS = 2.0
RESTAT_SECONDS = 30.0
STEP_MS = 40
"""Quiet time after which a burst of changes counts as finished: an editor's save is one."""
DEBOUNCE_MS = 500
"""The longest that a burst may last before it is looked at anyway."""

_MOUNTS = "/proc/self/mountinfo"
_NETWORK = frozenset(
    {
        *("9p", "afs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.sshfs", "glusterfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs", "vboxsf", "virtiofs"),
    }
)


class Watch:
    """Tells when to look again."""

    def __init__(self, poll: float = POLL_SECONDS, restat: float = RESTAT_SECONDS) -> None:
        self._poll = poll
        self._restat = restat
        self._directories: frozenset[str] = frozenset()
        self._notify: RustNotify | None = None
        self._polls_because = ""
        self._network = ""
        self._distrusted = False

    def follow(self, directories: frozenset[str]) -> bool:
        """Watch these directories; True when they were not watched until now, so look again."""
        if self._notify is not None and directories == self._directories:
            return False
        self._directories = directories
        self._notify = None  # the old one ends its thread when it is dropped
        try:
            self._notify = RustNotify(sorted(directories), False, False, 0, False, True)
        except (OSError, WatchfilesRustInternalError) as error:
            self._say_polling(f"the kernel cannot watch: {error}")
            return False
        self._network = network_file_system(directories)
        if self._network:
            self._say_polling(f"changes made elsewhere on {self._network} are not announced")
        elif not self._distrusted:
            self._polls_because = ""
        return True

    def distrust(self) -> None:
        """A change came without a word: from now on poll as well."""
        if not self._polls_because:  # else that was to be expected
            self._distrusted = True
            self._say_polling("a change was not announced")

    async def wait(self) -> bool:
        """Wait for a change or for the time to look anyway; True when a change was announced."""
        seconds = self._poll if self._polls_because else self._restat
        if self._notify is None:
            await trio.sleep(seconds)
            return False
        stop = threading.Event()
        watch = partial(self._notify.watch, DEBOUNCE_MS, STEP_MS, int(seconds * 1000), stop)
        try:
            changes = await trio.to_thread.run_sync(watch, abandon_on_cancel=True)
        except (OSError, RuntimeError) as error:
            self._notify = None
            self._say_polling(f"watching failed: {error}")
            return False
        finally:
            stop.set()
        return isinstance(changes, set)

    def _say_polling(self, because: str) -> None:
        if because != self._polls_because:
            log.warning("%s; looking every %g s instead", because, self._poll)
        self._polls_because = because


def network_file_system(directories: Iterable[str], mounts: str = _MOUNTS) -> str:
    """The type of the first network file system among the directories; empty when none is."""
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:
            lines = [line.split(" - ", 1) for line in file if " - " in line]
    except OSError:
        return ""
    types = {left.split()[2]: right.split()[0] for left, right in lines}
    for directory in sorted(directories):
        try:
            device = os.stat(directory).st_dev
        except OSError:
            continue
        found = types.get(f"{os.major(device)}:{os.minor(device)}", "")
        if found in _NETWORK:
            return found
    return ""
