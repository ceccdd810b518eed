"""Everything that takes part for a cluster, made from the options and sharing one connection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any

from proclaim import Elector, Host, Reporter, Source

from proclaim_k8s_source.access import find_access
from proclaim_k8s_source.access.cluster import Cluster
from proclaim_k8s_source.election.elector import LeaseElector
from proclaim_k8s_source.election.messages import Rules
from proclaim_k8s_source.election.record import Place
from proclaim_k8s_source.options import Options
from proclaim_k8s_source.reporter.controller import MANAGER as CONTROLLER
from proclaim_k8s_source.reporter.controller import ControllerReporter
from proclaim_k8s_source.reporter.documents import Owner
from proclaim_k8s_source.reporter.node import MANAGER as NODE
from proclaim_k8s_source.reporter.node import NodeReporter
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.source import KubernetesSource

DEFAULT_NAMESPACE = "metallb-system"


class Members:
    """The source, the reporters and the elector of one process."""

    def __init__(self, options: Options, cluster: Cluster, host: Host, self_: Who) -> None:
        self._options = options
        self._cluster = cluster
        self._host = host
        self._who = self_
        scope = Scope(
            self_.namespace,
            host.node,
            allocates=options.allocates,
            announces=options.announces,
            page_size=options.page_size,
            beside_metallb=options.beside_metallb,
            ignore_exclude_lb=options.ignore_exclude_lb,
        )
        self._source = KubernetesSource(cluster, host, scope)
        self._elector = (
            LeaseElector(
                cluster,
                Rules(
                    Place(self_.namespace, options.lease_name),
                    self_.identity,
                    options.lease_seconds,
                ),
                host,
            )
            if options.allocates
            else None
        )

    def sources(self) -> Iterator[Source]:
        """The source, which holds the connection while it runs."""
        yield _Holding(self._source, self._cluster)

    def electors(self) -> Iterator[Elector]:
        """The elector of a process that may give addresses."""
        if self._elector is not None:
            yield _Holding(self._elector, self._cluster)

    def reporters(self) -> Iterator[Reporter]:
        """The writers of a controller and of a node."""
        if self._options.allocates:
            yield _Holding(
                ControllerReporter(self._office(CONTROLLER), self._valid_until), self._cluster
            )
        if self._options.webhook is not None and self._options.allocates:
            from proclaim_k8s_source.webhook.reporter import WebhookReporter  # few serve one

            yield WebhookReporter(self._options.webhook, self._who.namespace)
        if self._options.announces:
            yield _Holding(NodeReporter(self._office(NODE)), self._cluster)

    def _office(self, manager: str) -> Office:
        return Office(
            self._cluster,
            self._host,
            self._source.seen,
            self._who.namespace,
            manager,
            self._who.identity,
            self._who.owner,
        )

    def _valid_until(self) -> float:
        return -inf if self._elector is None else self._elector.valid_until()


@dataclass(frozen=True, slots=True)
class Who:
    """Who this process is to the API server."""

    namespace: str
    identity: str
    owner: Owner


def members_of(
    options: Options, ledger: str, host: Host, environment: Mapping[str, str] = os.environ
) -> Members:
    """Look for the API server, and for who we are there.

    Raises SettingsError when none is known.
    """
    access = find_access(options.kubeconfig, options.context, environment)
    own = environment.get("POD_NAMESPACE", "") or access.namespace
    namespace = options.namespace or own or DEFAULT_NAMESPACE
    who = Who(
        namespace,
        options.identity or identity(environment.get("POD_NAME", "") or host.node, ledger, host),
        owner_of(environment, own, namespace),
    )
    return Members(options, Cluster(access, options, host.node), host, who)


def owner_of(environment: Mapping[str, str], own: str, namespace: str) -> Owner:
    """The Pod of this process, which runs in the namespace `own`.

    None for objects of another namespace: whose owner is not in its own
    namespace the garbage collector deletes.
    """
    if own != namespace:
        return Owner()
    return Owner(environment.get("POD_NAME", ""), environment.get("POD_UID", ""))


def identity(place: str, ledger: str, host: Host) -> str:
    """A name for the Lease: the same after a restart, another one for another process.

    Two processes never share a ledger, and one that is restarted opens its own again.
    """
    if ledger == "memory:":
        return f"{place}_{host.random.getrandbits(32):08x}"
    path = ledger.partition("sqlite:")[2]
    if path and not path.startswith("//"):
        ledger = str(Path(path).absolute())
    return f"{place}_{sha256(ledger.encode()).hexdigest()[:8]}"


class _Holding:
    """A member that keeps the connection open while it runs."""

    def __init__(self, member: Source | Elector | Reporter, cluster: Cluster) -> None:
        self.name = member.name
        self._member = member
        self._cluster = cluster

    async def run(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as the member's
        async with self._cluster.held():
            await self._member.run(*given, **named)
