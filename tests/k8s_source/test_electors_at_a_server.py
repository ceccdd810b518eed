"""Three electors at the emulated API server, whose connections lose and delay requests."""

from random import Random

import pytest
import trio
from apiserver.faults import Faults
from apiserver.server import ApiServer
from proclaim import Latest, Mandate
from proclaim_k8s_source.election.elector import LeaseElector
from proclaim_k8s_source.election.messages import Rules
from proclaim_k8s_source.election.record import Place

PLACE = Place("metallb-system", "proclaim-controller")


class Host:
    def __init__(self, seed):
        self.node = f"node{seed}"
        self.random = Random(seed)

    def wall_time(self):
        return 1_767_225_600.0 + trio.current_time()


class Replica:
    def __init__(self, server, seed, faults):
        self.faults = faults
        self.identity = f"pod-{seed}"
        self.connection = server.connect(faults=faults)
        self.elector = LeaseElector(self.connection, Rules(PLACE, self.identity), Host(seed))
        self.mandate = Latest(Mandate())
        self.life = None

    async def live(self):
        while True:
            with trio.CancelScope() as self.life:
                await self.elector.run(self.mandate)
            await trio.sleep(20)

    @property
    def leads(self):
        return self.elector.valid_until() > trio.current_time()


@pytest.mark.parametrize("seed", range(3))
async def test_one_leads_through_losses_and_restarts(seed, autojump_clock):
    random = Random(seed)
    server = ApiServer(seed)
    bad = {"refused": 0.1, "lost": 0.2, "failed": 0.1, "throttled": 0.05, "latency": (0.0, 3.0)}
    replicas = [Replica(server, at, Faults(seed=seed * 10 + at, **bad)) for at in range(3)]
    async with trio.open_nursery() as nursery:
        for replica in replicas:
            nursery.start_soon(replica.live)
        for at in range(3000):
            await trio.sleep(0.1)
            assert sum(replica.leads for replica in replicas) <= 1
            if at % 300 == 299:
                leading = [replica for replica in replicas if replica.leads]
                random.choice(leading or replicas).life.cancel()
        for replica in replicas:
            replica.faults.refused = replica.faults.lost = replica.faults.failed = 0.0
            replica.faults.throttled = 0.0
        await trio.sleep(40)
        (leader,) = [replica for replica in replicas if replica.leads]
        lease = server.get("Lease", PLACE.name, PLACE.namespace)
        assert lease["spec"]["holderIdentity"] == leader.identity
        assert lease["spec"]["leaseTransitions"] > 1
        nursery.cancel_scope.cancel()
    for replica in replicas:
        assert sum(replica.connection.requests.values()) <= 330 * 2
