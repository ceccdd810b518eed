"""One look at a cluster: everything that a process would be told at its start."""

from __future__ import annotations

from dataclasses import dataclass

import trio
from proclaim import Host, Listing, Observation, ProclaimError, SettingsError, SystemHost

from proclaim_k8s_source.access import Access, find_access
from proclaim_k8s_source.access.api import Api, Refused, Unreachable
from proclaim_k8s_source.access.client import open_client
from proclaim_k8s_source.members import DEFAULT_NAMESPACE
from proclaim_k8s_source.questions import ask_first
from proclaim_k8s_source.watch.beside import look_beside
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.source import KubernetesSource

_OTHER_FILE = "correct it, or name another one with --kubeconfig, or another --context"
_OTHER_CLUSTER = "--kubeconfig and --context say which cluster; is it running?"


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

    Raises ProclaimError when it cannot be reached within some seconds, or may not be listed.
    """
    return trio.run(_look, where, seconds)


async def _look(where: Where, seconds: float) -> Look:
    try:
        access = find_access(where.kubeconfig, where.context)
        host = SystemHost()
        async with open_client(access, host.node) as api:
            with trio.move_on_after(seconds):
                return await look_through(api, host, access, where.namespace)
    except SettingsError as error:  # of a kubeconfig: no settings file is read here
        raise SettingsError(error.message, error.hint or _OTHER_FILE) from None
    raise ProclaimError(
        f"{access.server} did not list everything within {seconds:g} seconds",
        "the log says what is missing; --seconds allows for more time",
    )


async def look_through(api: Api, host: Host, access: Access, namespace: str = "") -> Look:
    """List a cluster over a connection to it.

    Raises ProclaimError when it cannot be reached, or may not be listed.
    """
    namespace = namespace or access.namespace or DEFAULT_NAMESPACE
    scope = Scope(namespace, beside_metallb=True)
    try:
        found = await ask_first(api, access.server, scope)
        remarks = [found.sentence(access.server, namespace), *await _beside(api, namespace)]
    except Unreachable as error:
        raise ProclaimError(str(error), _OTHER_CLUSTER) from None
    listing = await _first_listing(KubernetesSource(api, host, scope))
    return Look(listing, tuple(remarks))


async def _beside(api: Api, namespace: str) -> list[str]:
    try:
        beside = await look_beside(api, namespace)
    except Refused as refused:
        return [f"whether MetalLB runs cannot be seen: {refused}"]
    return [f"{beside.sentence}; it has to be stopped before Proclaim starts"] if beside else []


async def _first_listing(source: KubernetesSource) -> Listing:
    found: list[Listing] = []
    async with trio.open_nursery() as nursery:

        async def observe(observation: Observation) -> None:
            if isinstance(observation, Listing) and observation.source == source.name:
                found.append(observation)
                nursery.cancel_scope.cancel()
            await trio.lowlevel.checkpoint()

        nursery.start_soon(source.run, observe)
    return found[0]
