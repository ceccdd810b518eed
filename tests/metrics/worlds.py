"""What a reporter sees, made from what is given, and what it tells, read by Prometheus' parser."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from proclaim import Latest, Spread
from proclaim.fold import fold, number
from proclaim.project import project
from proclaim.reporting import Recorded, View
from proclaim.state import State
from proclaim_metrics.family import Family, render
from prometheus_client.parser import text_string_to_metric_families

NODE = "n1"


class World:
    """A ledger in memory, as far as a view shows it."""

    def __init__(self, state: State, *spreads: Spread) -> None:
        self.state = Latest(state)
        self.failing = Latest("")
        self.recent: list[Recorded] | None = []
        projections = {each: Latest(project(state, NODE, each)) for each in spreads}
        self.failures: Counter[str] = Counter()
        self.view = View(NODE, self.state, self.since, self.failing, projections, self.failures)

    def since(self, position: int) -> Sequence[Recorded] | None:
        if self.recent is None:
            return None
        return [item for item in self.recent if item.position > position]

    def record(self, *facts) -> None:
        """One more transaction."""
        recorded = number(self.state.value, facts, 0.0)
        if self.recent is not None:
            self.recent.extend(recorded)
        self.state.set(fold(self.state.value, recorded))
        for spread, latest in self.view.projections.items():
            latest.set(project(self.state.value, NODE, spread))


def text(families: Iterable[Family | None]) -> str:
    return "".join(render(families))


SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? \S+$", re.MULTILINE)


def parse(exposition: str) -> dict[str, float]:
    """Every sample by name and labels, as `name{a="b"}`; twice the same is an error.

    The parser gives every counter the suffix `_total`, so names are taken as they are written.
    """
    read = [s for family in text_string_to_metric_families(exposition) for s in family.samples]
    written = [match[1] for match in SAMPLE.finditer(exposition)]
    found: dict[str, float] = {}
    for name, sample in zip(written, read, strict=True):
        labels = ",".join(f'{key}="{sample.labels[key]}"' for key in sorted(sample.labels))
        key = f"{name}{{{labels}}}" if labels else name
        assert sample.name in (name, f"{name}_total")
        assert key not in found, key
        found[key] = sample.value
    return found


def values(families: Iterable[Family | None]) -> dict[str, float]:
    return parse(text(families))


def labelled(families: Iterable[Family | None], name: str) -> dict[str, float]:
    """The samples of one family of one label, by its value."""
    return {
        key.partition('="')[2].removesuffix('"}'): value
        for key, value in values(families).items()
        if key.startswith(f"{name}{{")
    }
