"""What Proclaim says of itself beside MetalLB's names: the families `proclaim_...`."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version

from proclaim import Authority
from proclaim.reporting import State, View, standing

from proclaim_metrics.counting import Tally
from proclaim_metrics.family import Families, Family, Kind, Sample, gauge

_AT_ONCE = 256
"""Refusals looked at between two pauses."""


def ours(view: View, state: State, tally: Tally) -> Families:
    """All of them, but for the lag of the loop."""
    yield gauge("proclaim_build_info", "The version that runs; always 1.", Sample(1, _BUILD))
    yield gauge(
        "proclaim_ledger_position", "The position of the newest fact.", Sample(state.position)
    )
    yield gauge(
        "proclaim_ledger_writable_bool",
        "0 while the ledger cannot be written: what is announced stays as it is.",
        Sample(not view.failing.value),
    )
    yield _counted("proclaim_facts_total", "fact", "Facts recorded since the start.", tally.facts)
    yield _counted(
        "proclaim_task_failures_total",
        "task",
        "How often a plugin's task raised and was started again, since the start.",
        view.failures,
    )
    yield gauge(
        "proclaim_authority",
        "1 for what this process may decide about addresses, 0 for the rest.",
        *(Sample(state.authority is each, (("authority", str(each)),)) for each in Authority),
    )
    yield from services(state)
    yield from _resources(state)


def services(state: State) -> Families:
    """Who has addresses, who waits, and why."""
    numbers = {
        "assigned": len(state.holdings) - len(state.single),
        "partial": len(state.single),
        "pending": len(state.refusals),
    }
    yield gauge(
        "proclaim_services",
        "Services with all addresses they want, with one family of two, and with none.",
        *_by("state", numbers),
    )
    codes: Counter[str] = Counter()
    for at, refusal in enumerate(state.refusals.values(), start=1):
        codes[str(refusal.reason.code)] += 1
        if at % _AT_ONCE == 0:
            yield None
    yield gauge("proclaim_refusals", "Services without an address, by reason.", *_by("code", codes))


def _resources(state: State) -> Families:
    yield gauge(
        "proclaim_resources",
        "Resources in force.",
        *_by("kind", {kind: len(found) for kind, found in state.resources.items()}),
    )
    problems = Counter(each.ref.kind or "unknown" for each in (yield from standing(state)))
    yield gauge(
        "proclaim_problems",
        "Problems as `proclaim get problems` shows them.",
        *_by("kind", problems),
    )
    watched = [entry.resource for entry in state.of_kind("NodeReachability").values()]
    reachable = sum(each.reachable for each in watched)
    yield gauge(
        "proclaim_nodes",
        "Fellow nodes that are watched, by whether they live.",
        *_by("state", {"reachable": reachable, "lost": len(watched) - reachable}),
    )


def _counted(name: str, label: str, meaning: str, numbers: Mapping[str, int]) -> Family:
    return Family(name, Kind.COUNTER, meaning, _by(label, numbers))


def _by(label: str, numbers: Mapping[str, int]) -> list[Sample]:
    return [Sample(value, ((label, text),)) for text, value in sorted(numbers.items())]


_BUILD = (("python", platform.python_version()), ("version", version("proclaim")))
