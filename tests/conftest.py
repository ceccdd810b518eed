"""How much hypothesis looks for, and when a test may be skipped.

Hypothesis tries the same examples every time, or with
`pytest --hypothesis-profile=nightly` many new ones.

With `PROCLAIM_REQUIRE_ALL=1`, as CI sets it, a test that is skipped because
something is missing (a daemon, root) fails.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

DOES_NOT_APPLY = ("root may read every file", "exabgp's command pipe cannot ask for a refresh")
"""Reasons to skip that no machine could take away; the tests' other half runs."""

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
        if not any(known in reason for known in DOES_NOT_APPLY):
            report.outcome = "failed"
            report.longrepr = f"{file}:{line}: PROCLAIM_REQUIRE_ALL=1 forbids: {reason}"
    return report
