import trio
from metrics.worlds import World, labelled, values
from proclaim import Problem
from proclaim.events import ProblemsReported, Rejected, TaskFailed, Why
from proclaim.testing import assigned, given, observed, pool, refused, service
from proclaim_metrics.client import client
from proclaim_metrics.counting import UNSEEN, Tally
from proclaim_metrics.following import follow
from proclaim_metrics.ours import ours
from trio.testing import wait_all_tasks_blocked

PROBLEM = Problem(kind="IPAddressPool", name="p", problem="is no range")


async def following(world, tally, happens):
    """Follow while `happens()` makes things happen."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow, world.view, tally)
        await wait_all_tasks_blocked()
        happens()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_what_was_recorded_before_the_start_is_not_counted():
    world, tally = World(given(pool("p", "192.0.2.0/30")).state), Tally()
    await following(world, tally, lambda: None)
    assert (tally.facts.total(), tally.updates) == (0, 0)


async def test_facts_are_counted_by_name_and_transactions_as_updates():
    world, tally = World(given(pool("public", "192.0.2.0/30")).state), Tally()

    def happens():
        world.record(observed(service("a")), assigned("a", "192.0.2.0"))
        world.record(observed(service("b")))

    await following(world, tally, happens)
    assert tally.facts == {"Observed": 2, "AddressAssigned": 1}
    assert (tally.updates, tally.errors) == (2, 0)


async def test_errors_are_what_a_reconcile_would_have_failed_with():
    world, tally = World(given().state), Tally()

    def happens():
        world.record(Rejected("test", pool("p"), "overlaps q"))
        world.record(observed(service("a")), refused("a", Why.NO_POOL))
        world.record(ProblemsReported("test", (PROBLEM,)))
        world.record(ProblemsReported("test", ()))
        world.record(TaskFailed("source files", "OSError"))

    await following(world, tally, happens)
    assert (tally.updates, tally.errors) == (5, 4)


async def test_every_failure_of_a_task_is_counted():
    world = World(given().state)
    world.failures["source files"] += 3
    families = list(ours(world.view, world.state.value, Tally()))
    assert labelled(families, "proclaim_task_failures_total") == {"source files": 3}


async def test_counts_go_on_when_the_task_is_started_again():
    world, tally = World(given().state), Tally()
    await following(world, tally, lambda: world.record(observed(service("a"))))
    world.record(observed(service("b")))  # while nobody follows
    await following(world, tally, lambda: world.record(observed(service("c"))))
    assert tally.facts == {"Observed": 3}
    assert tally.updates == 3


async def test_facts_that_are_no_longer_in_memory_are_counted_without_their_names():
    world, tally = World(given().state), Tally()
    world.recent = None
    await following(world, tally, lambda: world.record(*map(observed, map(service, "abc"))))
    assert tally.facts == {UNSEEN: 3}
    told = values(client(world.state.value, "n1", tally))
    assert told["metallb_k8s_client_updates_total"] == 1


async def test_many_facts_are_counted_in_pieces():
    world, tally = World(given().state), Tally()
    many = [observed(service(f"s{at}")) for at in range(1000)]
    await following(world, tally, lambda: world.record(*many))
    assert (tally.facts["Observed"], tally.updates) == (1000, 1)
