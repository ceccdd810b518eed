"""How much hypothesis looks for, and when a test may be skipped.

Hypothesis tries the same examples every time, or with
`pytest --hypothesis-profile=nightly` many new ones: of a state machine up to
160,000 steps, in lives of 80; and the long lives, which are seeded, then take
10,000 steps each.

With `PROCLAIM_REQUIRE_ALL=1`, as CI sets it, a test that is skipped because
something is missing (a daemon, root) fails.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

NOBODY = 65534
"""The user who may do nothing."""

settings.register_profile(
    "default",
    derandomize=True,
    print_blob=True,
    deadline=None,  # a loaded machine is no failure
    max_examples=100,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly",
    settings.get_profile("default"),
    derandomize=False,
    max_examples=2000,
    stateful_step_count=80,
)
settings.load_profile("default")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    return _strict(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    return _strict(report)


def _strict(report):
    """Turn a skip into a failure where nothing may be missing."""
    required = os.environ.get("PROCLAIM_REQUIRE_ALL") == "1"
    if required and report.skipped and not hasattr(report, "wasxfail"):
        file, line, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{file}:{line}: PROCLAIM_REQUIRE_ALL=1 forbids: {reason}"
    return report


@pytest.fixture
def unreadable():
    """Make a file that this process may not read, root or not; it is nobody until the test ends."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory(prefix="proclaim-") as directory:
        os.chmod(directory, 0o755)  # to be looked into, unlike the directories of pytest

        def make(name, text):
            path = Path(directory) / name
            path.write_text(text)
            path.chmod(0)
            if before == 0:
                os.seteuid(NOBODY)
            return path

        try:
            yield make
        finally:
            os.seteuid(before)
