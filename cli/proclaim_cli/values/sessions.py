"""When each session reached the state that it is in."""

from __future__ import annotations

from proclaim.codec import Codec
from proclaim.events import Observed, Removed
from proclaim.ledger import decode
from proclaim.log import PAGE, EventLog
from proclaim.model import PeerStatus, Ref
from proclaim.state import State

from proclaim_cli.values.plain import Moment, rfc3339

_TOPICS = ("PeerStatusObserved/", "ResourceRemoved/")


def reached(log: EventLog, codec: Codec, state: State) -> dict[Ref, Moment]:
    """Search the log backwards for the fact by which each session reached its state."""
    open_ = {ref: entry.resource.state for ref, entry in state.of_kind("PeerStatus").items()}
    found: dict[Ref, Moment] = {}
    end = state.position
    while open_ and end > 0:
        start = max(0, end - PAGE)
        rows = [row for row in log.read(start, end - start) if row.topic.startswith(_TOPICS)]
        for item in reversed(decode(codec, rows)):
            match item.fact:
                case Observed(resource=PeerStatus() as said) if said.ref in open_:
                    if said.state == open_[said.ref]:
                        found[said.ref] = Moment(item.position, rfc3339(item.time))
                    else:
                        del open_[said.ref]
                case Removed(ref=ref):
                    open_.pop(ref, None)
                case _:
                    pass
        end = start
    return found
