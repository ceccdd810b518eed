"""What must be there for a test: with `PROCLAIM_REQUIRE_ALL=1`, as in CI, a lack is a failure."""

import os
import shutil

import pytest
from netlab.laboratory import missing

_ASKERS = {"arping": "iputils-arping", "ndisc6": "ndisc6"}
"""Commands that the tests themselves ask with, and their Debian packages."""


def demand_all(router=""):
    """Skip, or fail, with the one thing that is missing for a laboratory with this router."""
    if os.geteuid():
        _demand("network namespaces need root")
    if lacking := missing(router):
        _demand(lacking)
    for command, package in _ASKERS.items():
        if not shutil.which(command):
            _demand(f"{command} is not there (Debian package {package})")


def _demand(reason):
    if os.environ.get("PROCLAIM_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and PROCLAIM_REQUIRE_ALL=1 forbids to skip", pytrace=False)
    pytest.skip(reason)
