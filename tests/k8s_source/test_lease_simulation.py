"""Several candidates over a slow, lossy connection, with clocks that go wrong.

The world has a true time that no candidate sees.  At every moment at most one
candidate may believe that it leads.
"""

import heapq
from dataclasses import dataclass, field
from itertools import count, pairwise
from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from k8s_source.lease_store import LeaseStore
from proclaim import Authority
from proclaim_k8s_source.election.lease import Election, deadline, finished, mandate, step
from proclaim_k8s_source.election.messages import (
    Failed,
    Found,
    Overtaken,
    Passed,
    Rules,
    Stopped,
    Stored,
    Verb,
)
from proclaim_k8s_source.election.record import Place, read

PLACE = Place("metallb-system", "proclaim-controller")


@dataclass
class Faults:
    """How bad the world is until it heals."""

    loses: float
    slow: float
    """The longest way of a message in seconds."""
    drift: float
    """How much faster or slower a second is than a true one, at most."""
    until: float
    accidents: int


@dataclass
class Replica:
    identity: str
    rate: float
    wall: float
    election: Election = None
    life: int = 0
    running: bool = True
    stands_still_until: float = -inf
    cut_off_until: float = -inf
    seen: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    """True times of its requests."""

    def __post_init__(self):
        self.begin()

    def begin(self):
        self.election = Election(Rules(PLACE, self.identity))
        self.seen.append([mandate(self.election)])

    def clock(self, true):
        return true * self.rate

    def true(self, clock):
        return clock / self.rate

    def leads(self, true):
        return self.clock(true) < self.election.valid_until and self.running


class World:
    def __init__(self, seed, replicas, faults):
        self.random = Random(seed)
        self.faults = faults
        self.store = LeaseStore()
        self.now = 0.0
        self._happenings = []
        self._order = count()
        self.replicas = [
            Replica(
                f"pod-{at}",
                1 + self.random.uniform(-faults.drift, faults.drift),
                self.random.choice([0.0, 1e9, 1.7e9, 4e9]),
            )
            for at in range(replicas)
        ]
        self.leads = {replica.identity: 0.0 for replica in self.replicas}
        self.believers = []
        for replica in self.replicas:
            self.wake(replica)
        for _ in range(faults.accidents):
            self.at(self.random.uniform(0, faults.until), self.accident)

    def at(self, when, what, *given):
        heapq.heappush(self._happenings, (max(when, self.now), next(self._order), what, given))

    def run(self, until):
        while self._happenings and self._happenings[0][0] <= until:
            self.now, _, what, given = heapq.heappop(self._happenings)
            what(*given)
            self.check()
        self.now = until

    def check(self):
        believers = [replica for replica in self.replicas if replica.leads(self.now)]
        assert len(believers) <= 1, (self.now, [one.identity for one in believers])

    @property
    def healed(self):
        return self.now >= self.faults.until

    # --- candidates ---

    def wake(self, replica):
        when = replica.true(deadline(replica.election))
        if when < inf:
            self.at(when, self.passed, replica, replica.life)

    def passed(self, replica, life):
        wall = replica.wall + replica.clock(self.now)
        self.take(replica, life, Passed(wall, self.random.random()))

    def take(self, replica, life, came):
        if life != replica.life or not replica.running:
            return
        if self.now < replica.stands_still_until:
            self.at(replica.stands_still_until, self.take, replica, life, came)
            return
        if isinstance(came, Passed):
            now = replica.clock(self.now) + 1e-9  # never a hair before its deadline
            if now < deadline(replica.election):
                return  # it was woken for what is not due any more
        else:
            now = replica.clock(self.now)
        replica.election, asked = step(replica.election, came, now)
        granted = mandate(replica.election)
        if granted != replica.seen[-1][-1]:
            replica.seen[-1].append(granted)
        if asked is not None:
            self.send(replica, life, asked)
        if finished(replica.election):
            replica.running = False
        else:
            self.wake(replica)

    # --- the connection ---

    def send(self, replica, life, asked):
        replica.asked.append(self.now)
        number = len(replica.asked)
        self.at(self.now + 5.0, self.give_up, replica, life, number)
        if self.arrives(replica):
            self.at(self.now + self.delay(), self.serve, replica, life, number, asked)

    def serve(self, replica, life, number, asked):
        status, body = self.store.handle(asked.verb.value, asked.body)
        if not self.arrives(replica):
            return
        if status < 300:
            record = read(body)
            came = Found(record) if asked.verb is Verb.GET else Stored(record)
        else:
            came = Found(None) if asked.verb is Verb.GET else Overtaken()
        self.at(self.now + self.delay(), self.answer, replica, life, number, came)

    def give_up(self, replica, life, number):
        self.answer(replica, life, number, Failed("no answer"))

    def answer(self, replica, life, number, came):
        if self.now < replica.stands_still_until:
            self.at(replica.stands_still_until, self.answer, replica, life, number, came)
            return
        open_still = replica.election.asked_at is not None and number == len(replica.asked)
        if life == replica.life and open_still:
            self.take(replica, life, came)

    def arrives(self, replica):
        if self.healed:
            return True
        return self.now >= replica.cut_off_until and self.random.random() >= self.faults.loses

    def delay(self):
        if self.healed:
            return self.random.uniform(0.001, 0.05)
        return self.random.uniform(0.001, self.faults.slow) * self.random.random() ** 3

    # --- accidents ---

    def accident(self):
        replica = self.random.choice(self.replicas)
        self.random.choice([self.kill, self.stop, self.pause, self.cut_off, self.label])(replica)

    def kill(self, replica):
        replica.running = False
        self.at(self.now + self.random.uniform(0.1, 30), self.restart, replica)

    def stop(self, replica):
        self.take(replica, replica.life, Stopped())
        self.at(self.now + self.random.uniform(1.0, 30), self.restart, replica)

    def restart(self, replica):
        replica.life += 1
        replica.running = True
        replica.stands_still_until = -inf
        replica.begin()
        self.wake(replica)

    def pause(self, replica):
        replica.stands_still_until = self.now + self.random.uniform(0, 40)

    def cut_off(self, replica):
        replica.cut_off_until = self.now + self.random.uniform(0, 60)

    def label(self, _):
        if self.store.lease is not None:
            self.store.edit(n=str(self.random.random()))


def check_mandates(replica):
    """Whoever allocates in a new term followed right before, and a term never comes again."""
    for seen in replica.seen:
        allocating = None
        for before, now in pairwise(seen):
            if now.authority is not Authority.ALLOCATE:
                continue
            if before.authority is Authority.FOLLOW:
                assert now.term == (allocating.term if allocating else 0) + 1
            else:
                assert now.term == (allocating.term if allocating else 0)
            allocating = now


def busiest_minute(times):
    """The most requests within 60 seconds."""
    most, first = 0, 0
    for last, when in enumerate(times):
        while times[first] < when - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def live(seed, replicas, faults):
    world = World(seed, replicas, faults)
    world.run(faults.until)
    healed = faults.until + 60  # who stood still or was killed is back by then
    world.run(healed)
    world.run(healed + 25)
    (leader,) = [replica for replica in world.replicas if replica.leads(world.now)]
    assert world.store.holder == leader.identity
    followers = [replica for replica in world.replicas if replica is not leader]
    assert {mandate(one.election).authority for one in followers} <= {Authority.FOLLOW}
    world.run(healed + 145)
    assert leader.leads(world.now), "who leads stays leader while nothing happens"
    for replica in world.replicas:
        check_mandates(replica)
        assert busiest_minute(replica.asked) <= 120
        quiet = sum(when > healed + 25 for when in replica.asked)
        assert quiet <= 61 * replica.rate + 1, "one request in two of its own seconds"
    return world


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    replicas=st.integers(1, 5),
    loses=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    slow=st.sampled_from([0.05, 1.0, 8.0, 40.0]),
    drift=st.sampled_from([0.0, 0.01, 0.1]),
    accidents=st.integers(0, 40),
)
def test_never_do_two_lead_and_in_the_end_one_does(seed, replicas, loses, slow, drift, accidents):
    live(seed, replicas, Faults(loses, slow, drift, until=150.0, accidents=accidents))


def test_many_candidates_in_a_bad_world():
    world = live(4, 5, Faults(loses=0.3, slow=6.0, drift=0.05, until=200.0, accidents=30))
    assert world.store.spec["leaseTransitions"] > 1, "nothing happened in this world"
