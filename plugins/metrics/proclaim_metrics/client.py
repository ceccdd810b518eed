"""Whether a configuration is in force and current, and what there is announced: MetalLB's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proclaim import Authority, Spread
from proclaim.reporting import Projection, State, configuration_states

from proclaim_metrics.counting import Tally
from proclaim_metrics.family import Families, Family, Kind, Sample, counter, gauge

_NOT_LISTED = frozenset(
    {"AnnouncerStatus", "PeerStatus", "InterfaceStatus", "NodeReachability", "NodeWithdrawal"}
)
"""Kinds that tell how things stand; all others are listed by sources."""

_PROTOCOLS = {Spread.ONE_NODE: "layer2", Spread.EVERY_NODE: "bgp"}


def client(state: State, node: str, tally: Tally) -> Families:
    """The families `metallb_k8s_client_...`."""
    yield counter(
        "metallb_k8s_client_updates_total",
        "Observations since the start that brought something new.",
        Sample(tally.updates),
    )
    yield counter(
        "metallb_k8s_client_update_errors_total",
        "Of what was observed and decided since the start: rejections, problems, refusals and "
        "failed tasks.",
        Sample(tally.errors),
    )
    yield gauge(
        "metallb_k8s_client_config_loaded_bool",
        "1 when a source has been heard: what it said is in force.",
        Sample(is_loaded(state)),
    )
    yield gauge(
        "metallb_k8s_client_config_stale_bool",
        "1 while some part of the configuration is not in force as it is written.",
        Sample(is_stale(state, node)),
    )


def is_loaded(state: State) -> bool:
    """Whether a source has ever said what exists; an allocator has heard all of them."""
    given = (len(found) for kind, found in state.resources.items() if kind not in _NOT_LISTED)
    return state.authority is Authority.ALLOCATE or any(given)


def is_stale(state: State, node: str) -> bool:
    """Whether a ConfigurationState of this process is invalid."""
    found = configuration_states(state, [node])
    return any(each["status"]["result"] == "Invalid" for each in found)


def speaker(node: str, projections: Mapping[Spread, Projection | None]) -> Families:
    """The family `metallb_speaker_announced`: what this node must make visible."""
    yield Family(
        "metallb_speaker_announced",
        Kind.GAUGE,
        "1 for each address of a Service that is announced from this node.",
        _announced(node, projections),
    )


def _announced(
    node: str, projections: Mapping[Spread, Projection | None]
) -> Iterator[Sample | None]:
    for spread, projection in sorted(projections.items()):
        protocol = _PROTOCOLS[spread]
        if projection is None:
            continue
        for ref, parts in projection.parts.items():
            for address in {part.address: None for part in parts}:
                labels = (
                    ("ip", address),
                    ("node", node),
                    ("protocol", protocol),
                    ("service", ref.short),
                )
                yield Sample(1, labels)
