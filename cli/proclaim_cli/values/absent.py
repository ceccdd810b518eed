"""Why there is nothing to show of what announcers report, where an empty table would mislead."""

from __future__ import annotations

from collections.abc import Sized

from proclaim.reality import is_bystander
from proclaim.state import State

_OF_ANNOUNCERS = ("announcements", "peers", "interfaces", "statuses")


def absent(what: str, state: State, shown: Sized) -> str:
    """What to say beside a table; empty where it says enough itself.

    Of the statuses only those of Services are missing, so that the rest may be there.
    """
    if what in _OF_ANNOUNCERS and is_bystander(state):
        of = "those of Services are" if what == "statuses" else "this is"
        return (
            f"{of} not known here, for no announcer takes part in the process of this ledger; ask "
            f"on a node: `proclaim get {what}`"
        )
    if what != "peers" or shown:
        return ""
    if not state.of_kind("BGPPeer"):
        return "there is no BGPPeer in force, and so no session"
    if not state.of_kind("AnnouncerStatus"):
        return "no session was reported yet: no process has run on this ledger"
    if withdrawn := sorted(state.of_kind("NodeWithdrawal").items()):
        ref, entry = withdrawn[0]
        return f"{ref.name} holds no session for now: {entry.resource.why}"
    return "no session was reported: no BGPPeer selects this node, or no announcer speaks BGP here"
