"""`proclaim bgp ...`: a look at BGP without a router."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from typing import Annotated, Any

import trio
import typer

app = typer.Typer(name="bgp", help="Look into BGP.", no_args_is_help=True)


class Output(StrEnum):
    """How lines are printed."""

    TABLE = "table"
    JSON = "json"


@app.callback()
def bgp() -> None:
    """Look into BGP."""


@app.command("looking-glass")
def looking_glass(
    listen: Annotated[
        str, typer.Option(help="Address and port, as 127.0.0.1:1790 or [::1]:1790.")
    ] = "127.0.0.1:1790",
    asn: Annotated[int, typer.Option(min=1, max=2**32 - 1, help="The AS to speak as.")] = 64513,
    peer_asn: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Accept only this AS; 0 accepts any.")
    ] = 0,
    output: Annotated[Output, typer.Option("-o", "--output", help="How to print.")] = Output.TABLE,
) -> None:
    """Accept BGP sessions and print every route received or withdrawn, until interrupted."""
    from proclaim_bgp.looking_glass import Glass, as_json, as_text
    from proclaim_bgp.options import endpoint

    try:
        address, port = endpoint(listen)
    except ValueError:
        raise typer.BadParameter(f"{listen!r} is not ADDRESS:PORT", param_hint="--listen") from None
    render = as_json if output is Output.JSON else as_text

    def say(event: dict[str, Any]) -> None:
        sys.stdout.write(render(event) + "\n")
        sys.stdout.flush()

    try:
        trio.run(_look, Glass(address, port, asn, peer_asn), say)
    except* BrokenPipeError:  # whoever read the lines has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except* OSError as group:
        error = group.exceptions[0]
        typer.echo(
            f"error: cannot listen at {listen}: {error}\nhint: choose another port", err=True
        )
        raise typer.Exit(1) from None


async def _look(glass: Any, say: Any) -> None:  # noqa: ANN401 - their module is imported late
    from proclaim import SystemHost

    from proclaim_bgp.looking_glass import look

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_until_signalled, nursery.cancel_scope)
        await look(glass, SystemHost(), say)


async def _until_signalled(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
