"""What must be there for the integration tests, and the times that they measured.

With `PROCLAIM_REQUIRE_ALL=1`, as CI sets it, what is missing is a failure
instead of a skip.
"""

import os
import shutil
import signal

import pytest
from integration.lab import measured
from netlab.laboratory import missing

_ASKERS = {"arping": "iputils-arping", "ndisc6": "ndisc6"}
"""Commands that the tests themselves ask with, and their Debian packages."""


def _demand(reason):
    if os.environ.get("PROCLAIM_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and PROCLAIM_REQUIRE_ALL=1 forbids to skip", pytrace=False)
    pytest.skip(reason)


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
    if os.geteuid():
        _demand("network namespaces need root")
    callspec = getattr(request.node, "callspec", None)
    router = callspec.params.get("router", "") if callspec else ""
    if lacking := missing(router):
        _demand(lacking)
    for command, package in _ASKERS.items():
        if not shutil.which(command):
            _demand(f"{command} is not there (Debian package {package})")


@pytest.fixture
def stopwatch(request):
    """Waits for things and notes how long they took."""
    return measured.Stopwatch(request.node.name)


def pytest_terminal_summary(terminalreporter):
    """Print the measured times."""
    if measured.times:
        terminalreporter.section("measured")
    for test, what, seconds in measured.times:
        terminalreporter.write_line(f"{seconds:7.3f} s  {what}  [{test}]")
