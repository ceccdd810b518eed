"""One look at a cluster: everything that a process would be told at its start."""

from __future__ import annotations

from dataclasses import dataclass

import trio
from proclaim import Listing, Observation, ProclaimError, SystemHost

from proclaim_k8s_source.access import find_access
from proclaim_k8s_source.api import Refused, Unreachable
from proclaim_k8s_source.beside import look_beside
from proclaim_k8s_source.client import open_client
from proclaim_k8s_source.kinds import Scope
from proclaim_k8s_source.members import DEFAULT_NAMESPACE
from proclaim_k8s_source.source import KubernetesSource


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster, and which namespace of it."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen."""

    listing: Listing
    remarks: tuple[str, ...] = ()
    """What to know besides, a line each."""


def look(where: Where, seconds: float) -> Look:
    """List a cluster once.

    Raises ProclaimError when it cannot be reached within some seconds.
    """
    return trio.run(_look, where, seconds)


async def _look(where: Where, seconds: float) -> Look:
    access = find_access(where.kubeconfig, where.context)
    namespace = where.namespace or access.namespace or DEFAULT_NAMESPACE
    host = SystemHost()
    async with open_client(access, host.node) as api:
        with trio.move_on_after(seconds):
            try:
                beside = await look_beside(api, namespace)
            except Refused as refused:
                remarks = [f"whether MetalLB runs cannot be seen: {refused}"]
            except Unreachable as error:
                raise ProclaimError(str(error), "is it the right cluster?") from None
            else:
                remarks = [f"{beside}; it has to be stopped first"] if beside else []
            source = KubernetesSource(api, host, Scope(namespace, beside_metallb=True))
            return Look(await _first_listing(source), tuple(remarks))
    raise ProclaimError(
        f"{access.server} did not list everything within {seconds:g} seconds",
        "the log says what is missing; --seconds allows for more time",
    )


async def _first_listing(source: KubernetesSource) -> Listing:
    found: list[Listing] = []
    async with trio.open_nursery() as nursery:

        async def observe(observation: Observation) -> None:
            if isinstance(observation, Listing):
                found.append(observation)
                nursery.cancel_scope.cancel()
            await trio.lowlevel.checkpoint()

        nursery.start_soon(source.run, observe)
    return found[0]
