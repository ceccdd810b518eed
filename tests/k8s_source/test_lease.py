"""Who leads, step by step: given what is known, when an answer comes, then this is asked."""

import json

import pytest
from k8s_source.lease_store import LeaseStore
from proclaim import Authority, Mandate
from proclaim_k8s_source.election.lease import Election, deadline, finished, mandate, resumed, step
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
from proclaim_k8s_source.election.record import NoLease, Place, read, stamp, written
from proclaim_k8s_source.election.words import sayings

PLACE = Place("metallb-system", "proclaim-controller")
WALL = 1_767_225_600.0  # 2026-01-01T00:00:00Z
ADOPT = Mandate(Authority.ADOPT)
ALLOCATE = Mandate(Authority.ALLOCATE)


class Candidate:
    """A process that asks a store, with time in the hands of the test."""

    def __init__(self, store, identity="a", now=0.0, wall=WALL, seconds=15):
        self.election = Election(Rules(PLACE, identity, seconds))
        self.store = store
        self.now = now
        self.wall = wall
        self.asked = None
        self.mandates = [ADOPT]
        self.lines = []
        self.verbs = []

    def take(self, came):
        before = self.election
        self.election, asked = step(before, came, self.now)
        self.lines += [saying.sentence for saying in sayings(before, self.election)]
        if mandate(self.election) != self.mandates[-1]:
            self.mandates.append(mandate(self.election))
        if asked is not None:
            assert self.asked is None, "one request at a time"
            self.asked = asked
            self.verbs.append(asked.verb)
        return asked

    def tick(self, now=None):
        self.now = self.now if now is None else now
        return self.take(Passed(self.wall + self.now))

    def answer(self):
        """Let the store answer what is asked."""
        asked, self.asked = self.asked, None
        status, body = self.store.handle(asked.verb.value, asked.body)
        if status < 300:
            return self.take(Found(read(body)) if asked.verb is Verb.GET else Stored(read(body)))
        return self.take(Found(None) if asked.verb is Verb.GET else Overtaken())

    def lose(self, reaches=False, why="no answer within 5 s"):
        """Lose the answer, or the request."""
        asked, self.asked = self.asked, None
        if reaches:
            self.store.handle(asked.verb.value, asked.body)
        return self.take(Failed(why))

    def settle(self, now=None):
        """Ask and hear at one moment until there is nothing to do then."""
        self.tick(now)
        while self.asked is not None:
            self.answer()
            self.tick()

    def until(self, now):
        """Let time pass, everything being answered at once."""
        while (at := deadline(self.election)) <= now:
            self.settle(max(at, self.now))
        self.now = now

    @property
    def leads(self):
        return mandate(self.election).authority is Authority.ALLOCATE


def held_by(identity, **spec):
    store = LeaseStore()
    other = Candidate(store, identity)
    other.settle()
    store.spec.update(spec)
    return store


# --- taking it ----------------------------------------------------------------------------------


def test_in_a_fresh_cluster_the_lease_is_created_and_adopting_turns_into_allocating():
    store = LeaseStore()
    one = Candidate(store)
    one.settle()
    assert one.mandates == [ADOPT, ALLOCATE]
    assert one.verbs == [Verb.GET, Verb.POST]
    assert store.lease["apiVersion"] == "coordination.k8s.io/v1"
    assert store.lease["metadata"]["name"] == "proclaim-controller"
    assert store.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }
    assert one.lines == ["this process leads now, as a"]


def test_who_creates_it_second_reads_who_was_first():
    store = LeaseStore()
    one = Candidate(store)
    one.tick()
    one.answer()
    one.tick()
    Candidate(store, "b").settle()
    one.answer()
    one.settle()
    assert one.mandates == [ADOPT, Mandate(Authority.FOLLOW)]
    assert one.verbs == [Verb.GET, Verb.POST, Verb.GET]
    assert one.lines == ["b leads"]


def test_another_holder_is_followed_until_its_record_stood_still_for_as_long_as_it_says():
    store = held_by("b", leaseDurationSeconds=30)
    one = Candidate(store)
    one.until(29.9)
    assert one.mandates == [ADOPT, Mandate(Authority.FOLLOW)]
    one.until(30.0)
    assert one.mandates == [ADOPT, Mandate(Authority.FOLLOW), Mandate(Authority.ALLOCATE, 1)]
    assert store.spec["leaseTransitions"] == 1
    assert store.spec["leaseDurationSeconds"] == 15


@pytest.mark.parametrize("renewed", ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"])
def test_the_clock_of_the_holder_counts_for_nothing(renewed):
    one = Candidate(held_by("b", renewTime=renewed, acquireTime=renewed))
    one.until(14.9)
    assert not one.leads
    one.until(15.0)
    assert one.leads


def test_time_counts_from_the_last_change_that_was_seen():
    store = held_by("b")
    one = Candidate(store)
    one.until(11.0)
    store.edit(team="network")  # any change may be a sign of life
    one.until(26.9)
    assert not one.leads
    one.until(27.1)
    assert one.leads


def test_a_lease_that_was_given_back_is_taken_at_once_after_following():
    store = held_by("b")
    store.spec.update(holderIdentity="", leaseDurationSeconds=1)
    one = Candidate(store)
    one.settle()
    assert one.mandates == [ADOPT, Mandate(Authority.FOLLOW), Mandate(Authority.ALLOCATE, 1)]
    assert store.spec["leaseTransitions"] == 1


def test_a_lease_without_a_spec_is_nobodys():
    store = LeaseStore()
    store.lease = {"metadata": {"name": "proclaim-controller", "resourceVersion": "240"}}
    one = Candidate(store)
    one.settle()
    assert one.leads
    assert store.holder == "a"


def test_a_restarted_process_goes_on_at_once_and_is_no_transition():
    store = held_by("a")
    one = Candidate(store, "a", wall=WALL + 60)
    one.settle()
    assert one.mandates == [ADOPT, ALLOCATE]
    assert store.spec["leaseTransitions"] == 0


def test_what_others_put_into_the_object_stays_in_it():
    store = held_by("b")
    store.lease["metadata"] |= {"annotations": {"team": "network"}, "finalizers": ["x/y"]}
    store.lease["spec"] |= {"strategy": "OldestEmulationVersion", "holderIdentity": ""}
    before = json.loads(json.dumps(store.lease))
    one = Candidate(store)
    one.settle()
    assert store.holder == "a"
    assert store.spec["strategy"] == "OldestEmulationVersion"
    metadata = store.lease["metadata"]
    assert {**metadata, "resourceVersion": ""} == {**before["metadata"], "resourceVersion": ""}


# --- keeping it ---------------------------------------------------------------------------------


def leader(store=None, **known):
    one = Candidate(store or LeaseStore(), **known)
    one.settle()
    assert one.leads
    return one


def test_it_is_renewed_every_two_seconds_with_one_request_each():
    one = leader()
    one.verbs.clear()
    one.until(60.0)
    assert one.verbs == [Verb.PUT] * 30
    assert one.mandates == [ADOPT, ALLOCATE]
    assert one.store.spec["acquireTime"] == stamp(WALL)
    assert one.store.spec["renewTime"] == stamp(WALL + 60)


def test_it_is_held_for_ten_seconds_from_when_the_request_was_sent():
    one = leader()
    one.tick(2.0)
    one.now = 6.0
    one.answer()
    assert one.election.valid_until == 12.0


def test_an_answer_that_comes_after_its_tenure_makes_no_leader():
    store = LeaseStore()
    one = Candidate(store)
    one.tick()
    one.answer()
    one.tick()
    one.now = 10.0
    one.answer()
    assert not one.leads
    one.settle()
    assert one.leads


def test_who_cannot_renew_stops_leading_before_another_may_begin():
    one = leader()
    other = Candidate(one.store, "b")
    other.settle(0.0)
    one.tick(2.0)
    one.lose(why="connection refused")
    one.tick(9.99)
    assert one.leads
    assert deadline(one.election) == 10.0
    one.tick(10.0)
    assert one.mandates == [ADOPT, ALLOCATE, ADOPT]
    other.until(14.9)
    assert not other.leads
    other.until(15.0)
    assert other.leads
    assert one.lines[1:] == [
        "asking for Lease metallb-system/proclaim-controller failed: connection refused",
        "this process does not lead any more: the Lease was not renewed for 10 s: "
        "connection refused",
    ]


def test_a_lapse_that_nobody_used_ends_without_following():
    one = leader()
    one.tick(2.0)
    one.lose()
    one.tick(10.0)
    one.lose()
    one.until(20.0)
    assert one.mandates == [ADOPT, ALLOCATE, ADOPT, ALLOCATE]
    assert one.store.spec["leaseTransitions"] == 0
    assert one.store.spec["acquireTime"] == stamp(WALL)


def test_a_lapse_that_somebody_used_ends_with_following_and_another_term():
    one = leader()
    one.tick(2.0)
    one.lose()
    one.tick(10.0)
    one.lose()
    other = Candidate(one.store, "b")
    other.until(17.0)
    assert other.leads
    one.until(20.0)
    other.take(Stopped())
    other.settle()
    one.until(25.0)
    follow = Mandate(Authority.FOLLOW)
    assert one.mandates == [ADOPT, ALLOCATE, ADOPT, follow, Mandate(Authority.ALLOCATE, 1)]
    assert one.store.spec["leaseTransitions"] == 2


@pytest.mark.parametrize("reaches", [True, False])
def test_a_renewal_without_an_answer_is_resolved_by_reading(reaches):
    one = leader()
    one.verbs.clear()
    one.tick(2.0)
    one.now = 7.0
    one.lose(reaches)
    one.settle()
    assert one.verbs == [Verb.PUT, Verb.GET, Verb.PUT]
    assert one.election.valid_until == 17.0
    assert one.mandates == [ADOPT, ALLOCATE]


@pytest.mark.parametrize("reaches", [True, False])
def test_taking_it_without_an_answer_is_resolved_by_reading(reaches):
    one = Candidate(LeaseStore())
    one.tick()
    one.answer()
    one.tick()
    one.lose(reaches)
    assert not one.leads
    one.until(5.0)
    assert one.mandates == [ADOPT, ALLOCATE]


def test_a_label_from_somebody_else_costs_two_requests_and_nothing_else():
    one = leader()
    one.store.edit(team="network")
    one.verbs.clear()
    one.settle(2.0)
    assert one.verbs == [Verb.PUT, Verb.GET, Verb.PUT]
    assert one.mandates == [ADOPT, ALLOCATE]
    assert one.store.lease["metadata"]["labels"] == {"team": "network"}


def test_a_lease_that_somebody_deletes_is_created_again():
    one = leader()
    one.store.delete()
    one.until(4.0)
    assert one.mandates == [ADOPT, ALLOCATE]
    assert one.store.holder == "a"


def test_a_follower_does_not_take_the_place_of_a_lease_that_is_gone():
    one = Candidate(held_by("b"))
    one.until(5.0)
    one.store.delete()
    one.until(14.9)
    assert one.store.lease is None
    one.until(17.0)
    assert one.mandates[-2:] == [Mandate(Authority.FOLLOW), Mandate(Authority.ALLOCATE, 1)]


def test_a_lease_that_is_gone_after_a_lapse_may_have_been_another_ones():
    one = leader()
    one.tick(2.0)
    one.lose()
    one.store.delete()
    one.settle(10.0)
    follow = Mandate(Authority.FOLLOW)
    assert one.mandates == [ADOPT, ALLOCATE, ADOPT, follow, Mandate(Authority.ALLOCATE, 1)]


def test_who_sees_another_holder_steps_down_at_once():
    one = leader()
    one.store.spec["holderIdentity"] = "b"
    one.store.edit()
    one.settle(2.0)
    assert one.mandates[-1] == Mandate(Authority.FOLLOW)
    assert one.lines[-1] == "this process does not lead any more: b holds the Lease"


def test_a_namesake_is_not_mistaken_for_oneself():
    one = leader()
    namesake = Candidate(one.store, "a", wall=WALL + 1)
    namesake.settle(1.0)
    assert namesake.leads  # it cannot know; it might be the same process restarted
    one.settle(2.0)
    assert not one.leads
    assert one.lines[1:] == [
        "another process leads as a too; give each an identity of its own",
        "this process does not lead any more: a holds the Lease",
    ]


def test_one_that_writes_all_the_time_makes_no_storm():
    one = leader()
    one.verbs.clear()
    for _ in range(200):
        if one.asked is not None:
            one.store.edit(n=str(len(one.verbs)))
            one.answer()
        one.tick(max(one.now, min(deadline(one.election), 60.0)))
    assert one.now >= 60.0
    assert len(one.verbs) <= 3 * 31


def test_one_line_says_that_it_fails_however_often_it_does():
    one = Candidate(LeaseStore())
    for _ in range(5):
        one.tick(max(one.now, deadline(one.election)))
        one.lose(why="connection refused")
    assert one.lines == [
        "asking for Lease metallb-system/proclaim-controller failed: connection refused"
    ]


def test_others_wait_up_to_a_pause_longer_by_chance():
    one = Candidate(held_by("b"))
    one.take(Passed(WALL, jitter=0.5))
    one.answer()
    assert deadline(one.election) == 3.0


# --- giving it back -----------------------------------------------------------------------------


def test_a_leader_that_stops_gives_it_back_and_another_takes_it_at_once():
    one = leader()
    other = Candidate(one.store, "b")
    other.settle()
    one.now = 1.0
    one.take(Stopped())
    assert one.mandates[-1] == ADOPT
    assert one.election.valid_until < 0
    one.settle()
    assert finished(one.election)
    assert one.store.holder == ""
    assert one.store.spec["leaseDurationSeconds"] == 1
    other.until(2.0)
    assert other.leads
    assert one.lines[-1] == "this process does not lead any more: it stops"


@pytest.mark.parametrize("reaches", [True, False])
def test_a_renewal_under_way_does_not_hinder_giving_it_back(reaches):
    one = leader()
    one.tick(2.0)
    asked, one.asked = one.asked, None
    if reaches:
        one.store.handle(asked.verb.value, asked.body)
    one.take(Stopped())
    one.settle()
    assert finished(one.election)
    assert one.store.holder == ""


def test_a_follower_that_stops_asks_for_nothing():
    one = Candidate(held_by("b"))
    one.settle()
    one.take(Stopped())
    assert finished(one.election)
    assert one.tick() is None
    assert one.store.holder == "b"


def test_who_stops_does_not_give_back_what_another_has():
    one = leader()
    one.store.spec["holderIdentity"] = "b"
    one.store.edit()
    one.take(Stopped())
    one.settle()
    assert finished(one.election)
    assert one.store.holder == "b"


def test_who_begins_once_more_knows_its_last_term():
    one = leader()
    one.take(Stopped())
    one.settle()
    one.election = resumed(one.election)
    one.settle(1.0)
    assert one.mandates[-2:] == [Mandate(Authority.FOLLOW), Mandate(Authority.ALLOCATE, 1)]


# --- the record ---------------------------------------------------------------------------------


def test_a_write_always_changes_something():
    assert stamp(WALL) == "2026-01-01T00:00:00.000000Z"
    assert stamp(WALL, unlike=stamp(WALL)) == "2026-01-01T00:00:00.000001Z"
    one = leader()
    one.wall -= 2.0  # the clock is set back by as much as has passed
    version = one.store.version
    one.settle(2.0)
    assert one.store.version == version + 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"metadata": 1}', b'{"metadata":{},"spec":{"renewTime":5}}']
)
def test_what_is_no_lease_is_an_error(body):
    with pytest.raises(NoLease, match="no Lease came"):
        read(body)


def test_what_is_written_is_read_again():
    record = read(b'{"metadata":{"resourceVersion":"7"},"spec":{"holderIdentity":"x"}}')
    again = read(written(PLACE, record._replace(holder="y", seconds=3, transitions=4)))
    assert (again.version, again.holder, again.seconds, again.transitions) == ("7", "y", 3, 4)
