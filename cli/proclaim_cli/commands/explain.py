"""`proclaim explain`: the rules behind an answer."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from proclaim.errors import Usage
from proclaim.model import Ref
from proclaim.state import State
from proclaim.whereabouts import explain_address

from proclaim_cli.opening import Opened, opened, settings_of, state_at
from proclaim_cli.options import At, LedgerURL, NodeName, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.explained import ServiceExplained, service_explained
from proclaim_cli.values.history import last_holder, last_of_service, released_at
from proclaim_cli.values.names import address_named, service_named
from proclaim_cli.values.resources import known_nodes
from proclaim_cli.values.sharing import sharing_at
from proclaim_cli.values.unknown import unknown_service
from proclaim_cli.values.whereabouts import AddressExplained, address_explained
from proclaim_cli.views.explained import address_text, service_text
from proclaim_cli.views.structured import show


@as_command
def command(
    subject: Annotated[
        str, typer.Argument(metavar="SERVICE|ADDRESS", help="web, shop/web, or an IP address.")
    ],
    at: At = None,
    node: NodeName = None,
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Explain a Service, or an address and whoever holds it."""
    with opened(settings_of(settings, ledger)) as found:
        state = state_at(found, at)
        nodes = [node] if node else known_nodes(state, found.node)
        if address_named(subject):
            where = _address(found, state, subject, nodes)
            if not show(where, output):
                sys.stdout.write(address_text(where, output is Output.WIDE))
            return 0
        if address_named(subject.partition("/")[0]):
            raise Usage(
                f"{subject!r} is a range, and one address or one Service is explained at a time",
                hint=f"write {subject.partition('/')[0]}, or another address of it",
            )
        explained = _service(found, state, service_named(subject), nodes)
    if not show(explained, output):
        sys.stdout.write(service_text(explained, output is Output.WIDE))
    return 0


def _address(found: Opened, state: State, text: str, nodes: list[str]) -> AddressExplained:
    where = explain_address(state, text)
    holders = tuple(service_explained(state, ref, nodes) for ref in where.holders)
    last = None
    if not holders:
        last = released_at(found.log, found.codec, where.released) or last_holder(
            found.log, found.codec, where.address, state.position
        )
    return address_explained(where, holders, sharing_at(state, where.address), last)


def _service(found: Opened, state: State, ref: Ref, nodes: list[str]) -> ServiceExplained:
    """What there is to say about a Service, or was; raises NotFound when there never was one."""
    explained = service_explained(state, ref, nodes)
    if explained.addresses:
        return explained
    former = state.former.get(ref)
    if explained.known:
        had = released_at(found.log, found.codec, former.position) if former else None
        return explained._replace(last=had)
    last = last_of_service(found.log, found.codec, ref, state.position)
    if last is None:
        raise unknown_service(state, ref)
    return explained._replace(last=last)
