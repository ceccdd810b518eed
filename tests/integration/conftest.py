"""What must be there for the integration tests, and the times that they measured."""

import signal

import pytest
from integration.lab import measured
from integration.lab.cluster import cluster, second_router
from integration.lab.needed import demand_all


@pytest.fixture(scope="session", autouse=True)
def an_orderly_end():
    """A SIGTERM, as `timeout` sends it, takes the laboratories down like a Ctrl-C does."""

    def interrupt(signum, _):
        raise KeyboardInterrupt(signal.Signals(signum).name)

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def everything_needed(request):
    """Skip, or fail, with the one thing that is missing."""
    if not request.node.get_closest_marker("integration"):
        return
    callspec = getattr(request.node, "callspec", None)
    demand_all(callspec.params.get("router", "") if callspec else "")


@pytest.fixture
def stopwatch(request):
    """Waits for things and notes how long they took."""
    return measured.Stopwatch(request.node.name)


@pytest.fixture(scope="module")
def one_cluster():
    """A running cluster for all tests of a file."""
    demand_all("frr")
    with cluster() as made:
        made.start()
        yield made


@pytest.fixture
def k8s(one_cluster):
    """The cluster of the file, with nothing in it but its nodes and peers.

    What a test leaves is undone when the next one begins, also where it failed.
    """
    one_cluster.reset()
    return one_cluster


@pytest.fixture(scope="module")
def second(one_cluster):
    """Another router beside a cluster, in the AS of its nodes, without a peer to it."""
    return second_router(one_cluster, one_cluster.stack)


def pytest_terminal_summary(terminalreporter):
    """Print the measured times."""
    if measured.times:
        terminalreporter.section("measured")
    for test, what, seconds in measured.times:
        terminalreporter.write_line(f"{seconds:7.3f} s  {what}  [{test}]")
