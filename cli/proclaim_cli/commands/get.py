"""`proclaim get`: what is, now or at another time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any

import typer
from proclaim.errors import NotFound, Usage
from proclaim.findings import examine
from proclaim.reality import is_bystander
from proclaim.state import State
from proclaim.statuses import statuses as every_status

from proclaim_cli.opening import Opened, opened, settings_of, state_at
from proclaim_cli.options import At, LedgerURL, NodeName, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values import resources, statuses
from proclaim_cli.values.absent import absent
from proclaim_cli.values.findings import rows
from proclaim_cli.values.names import service_named
from proclaim_cli.values.places import with_lines
from proclaim_cli.values.sessions import reached
from proclaim_cli.views import resources as tables
from proclaim_cli.views.findings import findings_table
from proclaim_cli.views.say import note
from proclaim_cli.views.statuses import statuses_table
from proclaim_cli.views.structured import show

_View = Callable[[Sequence[Any], bool], str]


class What(StrEnum):
    """What can be shown."""

    SERVICES = "services"
    POOLS = "pools"
    ANNOUNCEMENTS = "announcements"
    PEERS = "peers"
    NODES = "nodes"
    INTERFACES = "interfaces"
    PROBLEMS = "problems"
    STATUSES = "statuses"


_SHORT = {
    "svc": "services",
    "ipaddresspools": "pools",
    "ipaddresspool": "pools",
    "no": "nodes",
    "status": "statuses",
}

_OF_NODES = (What.ANNOUNCEMENTS, What.STATUSES)
"""What is asked of each node that may announce."""


@as_command
def command(
    asked: Annotated[
        str, typer.Argument(metavar="WHAT", help=f"One of {', '.join(What)}; or pool, svc, node.")
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only the one of this name.")
    ] = None,
    at: At = None,
    node: NodeName = None,
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Show what a state holds."""
    what = _what(asked)
    with opened(settings_of(settings, ledger)) as found:
        state = state_at(found, at)
        if what in _OF_NODES and not node and not resources.named_nodes(state):
            note(f"these are for node {found.node}, as no Node is described; --node names another")
        shown = _rows(what, found, state, node)
        if missing := absent(what, state, shown):
            note(missing)
    if what is What.PROBLEMS:
        shown = rows(sorted(with_lines(shown)) if at is None else shown)
    if kind := statuses.kind_of(asked):
        shown = statuses.only_kind(shown, kind)
    if node:
        shown = [row for row in shown if getattr(row, "node", node) == node]
    if name:
        shown = _named(what, shown, name)
    if not show(shown, output):
        sys.stdout.write(_TABLES[what](shown, output is Output.WIDE))
    return 0


def _what(text: str) -> What:
    """What is asked for, in the singular or short as well; raises Usage."""
    asked = text.lower()
    if statuses.kind_of(asked):
        return What.STATUSES
    for form in (_SHORT.get(asked, asked), f"{asked}s"):
        if form in list(What):
            return What(form)
    guess = get_close_matches(asked, list(What), n=1)
    raise Usage(
        f"there are no {text!r} to show",
        hint=f"did you mean {guess[0]}?" if guess else f"there are {', '.join(What)}",
    )


def _rows(what: What, found: Opened, state: State, node: str | None) -> list[Any]:
    match what:
        case What.SERVICES:
            return list(resources.services(state))
        case What.POOLS:
            return list(resources.pools(state))
        case What.ANNOUNCEMENTS:
            nodes = [node] if node else resources.known_nodes(state, found.node)
            return [] if is_bystander(state) else list(resources.announcements(state, nodes))
        case What.PEERS:
            return list(resources.peers(state, reached(found.log, found.codec, state)))
        case What.NODES:
            return list(resources.nodes(state, found.node))
        case What.INTERFACES:
            return list(resources.interfaces(state))
        case What.PROBLEMS:
            return list(examine(state))
        case What.STATUSES:
            nodes = [node] if node else resources.known_nodes(state, found.node)
            return list(every_status(state, nodes))


def _named(what: What, found: list[Any], name: str) -> list[Any]:
    """The rows of one name; an announcement's are its prefix, its addresses and its services."""
    if what is What.SERVICES:
        ref = service_named(name)
        kept = [row for row in found if (row.namespace, row.name) == (ref.namespace, ref.name)]
    elif what is What.ANNOUNCEMENTS:
        wanted = {name, service_named(name).short} if name.count("/") < 2 else {name}
        kept = [row for row in found if wanted & {row.prefix, *row.addresses, *row.services}]
    elif what is What.PROBLEMS:
        short = service_named(name).short if name.count("/") < 2 else name
        kept = [row for row in found if row.name in (name, short)]
    elif what is What.STATUSES:
        kept = statuses.only_named(found, {name, service_named(name).short})
    else:
        kept = [row for row in found if row.name == name]
    if not kept and what is not What.PROBLEMS:  # to have none is an answer
        raise NotFound(f"there is no {name} among the {what}", hint=f"`proclaim get {what}`")
    return kept


_TABLES: dict[What, _View] = {
    What.SERVICES: tables.services_table,
    What.POOLS: tables.pools_table,
    What.ANNOUNCEMENTS: tables.announcements_table,
    What.PEERS: tables.peers_table,
    What.NODES: tables.nodes_table,
    What.INTERFACES: tables.interfaces_table,
    What.PROBLEMS: findings_table,
    What.STATUSES: statuses_table,
}
