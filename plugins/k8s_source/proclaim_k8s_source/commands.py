"""`proclaim k8s ...`: a look at a cluster before and while Proclaim serves it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from proclaim import Tools

_HELP = "Look into a Kubernetes cluster."


class Output(StrEnum):
    """How a plan is shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


def application(tools: Tools) -> typer.Typer:
    """The command group; `tools` are the views that it has in common with other commands."""
    app = typer.Typer(name="k8s", help=_HELP, no_args_is_help=True)

    @app.callback()
    def k8s() -> None:
        """Look into a Kubernetes cluster."""

    @app.command("plan")
    def plan(
        kubeconfig: Annotated[
            str,
            typer.Option(
                metavar="FILE",
                help="The kubeconfig; else the pod's service account, KUBECONFIG, ~/.kube/config.",
            ),
        ] = "",
        context: Annotated[str, typer.Option(metavar="NAME", help="A context of it.")] = "",
        namespace: Annotated[
            str, typer.Option("--namespace", "-n", help="Where MetalLB's resources are.")
        ] = "",
        load_balancer_class: Annotated[
            str,
            typer.Option(
                metavar="CLASS",
                help="The spec.loadBalancerClass to serve; else Services without one.",
            ),
        ] = "",
        seconds: Annotated[
            float, typer.Option(min=1, help="How long to wait for the API server at most.")
        ] = 30.0,
        output: Annotated[
            Output, typer.Option("--output", "-o", help="How to show it.")
        ] = Output.TABLE,
    ) -> int:
        """Show what installing Proclaim would change in a cluster; nothing is written.

        The status is 0 when nothing would change, 2 when something would, and 1 when there are
        problems or the cluster cannot be read.
        """
        from proclaim_k8s_source.look import Where, look

        seen = look(Where(kubeconfig, context, namespace), seconds)
        for line in seen.remarks:
            typer.echo(line, err=True)
        return tools.show_plan(seen.listing, load_balancer_class, output.value)

    return app
