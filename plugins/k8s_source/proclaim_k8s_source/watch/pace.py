"""Giving way to other tasks while there is much to do."""

from __future__ import annotations

from typing import TypeVar

import trio
from proclaim import collector_paused

from proclaim_k8s_source.steps import Steps

T = TypeVar("T")


async def paced(steps: Steps[T]) -> T:
    """Drive small steps, with a checkpoint between two."""
    with collector_paused():
        while True:
            try:
                next(steps)
            except StopIteration as stopped:
                result: T = stopped.value
                return result
            await trio.lowlevel.checkpoint()
