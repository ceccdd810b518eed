"""Which commands there are.  A command is imported when it is called, so that starting is quick.

The commands of plugins are loaded when one of them is called or all are
listed; a plugin that fails there is left out with a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from proclaim.errors import ProclaimError
from typer.core import TyperGroup

from proclaim_cli.single import PLAIN
from proclaim_cli.views.say import warning

COMMANDS = {
    "run": "Serve this node: watch the sources, give addresses and announce them.",
    "apply": "Record manifests and what is decided from them, and announce nothing.",
    "check": "Say what is wrong or doubtful in manifests, and touch no ledger.",
    "plan": "Show what `apply` would change, and record nothing.",
    "get": "Show services, pools, announcements, peers, nodes, interfaces, problems or statuses.",
    "explain": "Say why a Service has its address, and where it is announced or not.",
    "log": "Show the facts of the ledger, newest last.",
    "history": "Show who held an address, or what a Service held, from when to when.",
    "replay": "Fold the ledger again, and show what each fact changed.",
    "verify": "Check that the ledger is whole, and that today's rules decide the same.",
    "plugins": "List the installed plugins and what each provides.",
}


class Catalogue(TyperGroup):
    """The commands by name, found when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - see `main._UsageError`
        return [*COMMANDS, *_of_plugins()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        if cmd_name in COMMANDS:
            return import_module(f"proclaim_cli.commands.{cmd_name}").command
        return _of_plugins().get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if found := _of_plugins():
            with formatter.section("Commands of plugins"):
                formatter.write_dl(
                    [(name, found[name].get_short_help_str(100)) for name in sorted(found)]
                )


def application() -> Callable[..., Any]:
    """The whole command line, ready to be called with arguments."""
    app = typer.Typer(cls=Catalogue, **PLAIN)
    app.callback()(_root)
    called: Callable[..., Any] = typer.main.get_command(app)
    return called


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"proclaim {version('proclaim')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Give Services of type LoadBalancer their addresses, announce them, and remember why."""


def _of_plugins() -> dict[str, Any]:
    from proclaim.plugins import installed

    from proclaim_cli.lent import Lent

    found: dict[str, Any] = {}
    try:
        for plugin, group in installed().commands(Lent()):
            _add(found, plugin, group)
    except ProclaimError as error:
        warning(f"the commands of plugins are left out: {error.message}")
    return found


def _add(found: dict[str, Any], plugin: str, group: typer.Typer) -> None:
    try:
        within = typer.Typer(**PLAIN)  # lends the group its looks
        within.callback()(_nothing)
        within.add_typer(group)
        made = dict(typer.main.get_group(within).commands)
    except Exception as error:  # noqa: BLE001 - a stranger's code
        warning(f"the commands of the plugin {plugin} are left out: {error!r}")
        return
    for name, command in made.items():
        if name in COMMANDS or name in found:
            warning(f"the commands {name!r} of the plugin {plugin} are left out: the name is taken")
        else:
            found[name] = command


def _nothing() -> None:
    """Do nothing before a command."""
