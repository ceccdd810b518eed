"""Saying once what is wrong with a server, and once that it is over."""

from __future__ import annotations

import logging

from proclaim_k8s_source.watch.kinds import Watched
from proclaim_k8s_source.watch.signals import Trouble

log = logging.getLogger("proclaim.kubernetes")

_FORBIDDEN = 403


class Troubles:
    """What cannot be watched at present, and why."""

    def __init__(self) -> None:
        self._status: dict[str, int] = {}

    def begin(self, watched: Watched, trouble: Trouble) -> None:
        """One resource has trouble; what all share is said once."""
        shared = trouble.status in self._status.values() and _is_shared(trouble.status)
        self._status[str(watched)] = trouble.status
        if shared:
            return
        if trouble.status == 0:
            said = "the API server gives no answer"
        elif _is_shared(trouble.status):
            said = "the API server refuses to answer"
        else:
            said = f"{watched} cannot be watched"
        advice = ""
        if trouble.status == _FORBIDDEN:
            advice = (
                f"; the role of this service account has to allow get, list, watch of {watched}"
            )
        log.error("%s: %s%s; next try in %.1f s", said, trouble.reason, advice, trouble.pause)

    def end(self, watched: Watched) -> None:
        """One resource has no trouble any more."""
        status = self._status.pop(str(watched), None)
        if status is None:
            return
        if not _is_shared(status):
            log.info("%s is watched again", watched)
        elif status not in self._status.values():
            log.info("the API server answers again")


def _is_shared(status: int) -> bool:
    """Whether it is about the server and not about one resource."""
    return status in (0, 401, 429) or status >= 500
