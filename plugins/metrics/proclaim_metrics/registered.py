"""What other parts of this process have registered with the host, as families.

Their samples are taken as they are named.  `prometheus_client` itself would
give every counter the suffix `_total`, and MetalLB's do not all have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample as MetricSample

from proclaim_metrics.family import Families, Family, Kind, Sample

_KINDS = {
    "counter": Kind.COUNTER,
    "gauge": Kind.GAUGE,
    "histogram": Kind.HISTOGRAM,
    "info": Kind.GAUGE,
    "stateset": Kind.GAUGE,
    "summary": Kind.SUMMARY,
}
_CREATED = "_created"
"""When a counter was made; nobody asks."""


def registered(metrics: Iterable[Metric]) -> Families:
    """The families of a registry that have samples, which are read as they are rendered."""
    for metric in metrics:
        samples = iter(metric.samples)
        first = next(samples, None)
        if first is None:
            continue
        name = first.name if metric.type in ("counter", "info") else metric.name
        kind = _KINDS.get(metric.type, Kind.UNTYPED)
        yield Family(
            name, kind, metric.documentation, _samples(metric, name, chain([first], samples))
        )


def _samples(metric: Metric, name: str, samples: Iterable[MetricSample]) -> Iterator[Sample]:
    for sample in samples:
        if sample.name.endswith(_CREATED) and metric.type in ("counter", "histogram", "summary"):
            continue
        yield Sample(sample.value, tuple(sample.labels.items()), sample.name.removeprefix(name))
