from __future__ import annotations

import pytest
from k8s_source.scene import GROUND, Scene


@pytest.fixture
async def scene(nursery) -> Scene:
    """A cluster with a pool that is announced by BGP from one node, where no process runs."""
    found = Scene(nursery)
    found.server.create_all(GROUND)
    return found
