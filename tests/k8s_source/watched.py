"""A source that watches an API server in memory, and what it told."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager

import trio
from apiserver import ApiServer, objects
from proclaim import Change, Latest, Listing
from proclaim_k8s_source.access.api import Response
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.predecessor import SOURCE
from proclaim_k8s_source.watch.source import KubernetesSource

NAMESPACE = objects.METALLB


class FakeHost:
    node = "n1"

    def __init__(self):
        self.random = random.Random(1)
        self.secrets = Latest({"other": "kept"})


class Cluster:
    """A server, a source that watches it, and what the source told."""

    def __init__(self, server=None, **options):
        self.server = server or ApiServer(seed=1)
        self.api = self.server.connect()
        self.host = FakeHost()
        self.source = KubernetesSource(self.api, self.host, Scope(NAMESPACE, **options))
        self.told = []
        self.told_of_metallb = []
        self.slow = 0.0
        self.ledger = {}

    async def observe(self, observation):
        if observation.source == SOURCE:
            self.told_of_metallb.append(observation)
            return
        self.told.append(observation)
        if isinstance(observation, Listing):
            self.ledger = {}
        for sourced in observation.resources:
            self.ledger[sourced.resource.ref] = sourced.resource
        for ref in observation.gone if isinstance(observation, Change) else ():
            self.ledger.pop(ref, None)
        await trio.sleep(self.slow)

    @asynccontextmanager
    async def watched(self, settle=1.0):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.source.run, self.observe)
            await trio.sleep(settle)
            yield
            nursery.cancel_scope.cancel()

    def refs(self, kind):
        return sorted(ref.name for ref in self.ledger if ref.kind == kind)

    def news(self):
        """What was told since the last time somebody asked."""
        told, self.told = self.told, []
        return told

    @property
    def lists(self):
        return sum(
            n for (verb, kind), n in self.api.requests.items() if verb == "list" and kind != "pods"
        )

    def refuse(self, part, status, body=b'{"message": "refused"}'):
        """What is asked with such a part in its path is answered so, until it relents."""
        plain = self.api.request

        async def refusing(method, path, *rest, **named):
            if part in path:
                return Response(status, body)
            return await plain(method, path, *rest, **named)

        self.api.request = refusing

    def relent(self):
        del self.api.request  # what hides the method of the connection
