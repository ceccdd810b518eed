"""`proclaim explain`: the rules behind an answer."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from proclaim.addresses import parse_address
from proclaim.errors import NotFound
from proclaim.explain import explain_address
from proclaim.model import Ref
from proclaim.state import State

from proclaim_cli.opening import opened, settings_of, state_at
from proclaim_cli.options import At, LedgerURL, NodeName, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.explained import AddressExplained, service_explained
from proclaim_cli.values.names import service_named
from proclaim_cli.values.resources import known_nodes
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
    if _is_address(subject):
        where = explain_address(state, subject)
        holders = tuple(service_explained(state, ref, nodes) for ref in where.holders)
        value = AddressExplained(where.address, where.pool or None, holders)
        if not show(value, output):
            sys.stdout.write(address_text(value))
        return 0
    explained = service_explained(state, service_named(subject), nodes)
    if not explained.known and not explained.addresses:
        raise _unknown(state, service_named(subject))
    if not show(explained, output):
        sys.stdout.write(service_text(explained))
    return 0


def _unknown(state: State, ref: Ref) -> NotFound:
    """Why a Service is not known, where something wrong with its manifest says so."""
    for problem in (each for found in state.problems.values() for each in found):
        if (problem.kind, problem.namespace or "default", problem.name) == ref:
            return NotFound(
                f"there is no Service {ref.short}: {problem}",
                hint="correct the manifest; `proclaim check` shows whether it is sound",
            )
    return NotFound(
        f"there is no Service {ref.short}",
        hint="`proclaim get services` lists them; write namespace/name outside `default`",
    )


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    return True
