"""The tables of `get`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proclaim_cli.values.plain import Moment
from proclaim_cli.values.resources import (
    AnnouncementRow,
    InterfaceRow,
    NodeRow,
    PeerRow,
    PoolRow,
    ServiceRow,
)
from proclaim_cli.views.receivers import receivers
from proclaim_cli.views.table import table


def services_table(rows: Sequence[ServiceRow], wide: bool) -> str:
    """`get services`."""
    header = ["NAMESPACE", "NAME", "STATE", "ADDRESSES", "POOL", "REASON"]
    shown = [
        [
            row.namespace,
            row.name,
            row.state,
            ",".join(row.addresses),
            row.pool or "",
            (row.reason.message if wide else row.reason.code) if row.reason else "",
            *([_since(row.since)] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "SINCE"] if wide else header, shown)


def pools_table(rows: Sequence[PoolRow], wide: bool) -> str:
    """`get pools`; whether pools are closed is said where one is."""
    closed = wide or any(row.closed for row in rows)
    header = ["NAME", "TOTAL", "USED", "AVAILABLE", "SERVICES", *(["CLOSED"] if closed else [])]
    shown = [
        [
            row.name,
            str(row.total),
            str(row.used),
            str(row.available),
            str(row.services),
            *(["yes" if row.closed else "no"] if closed else []),
            *(_more_of_pool(row) if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "QUOTA", "USE", "ADDRESSES"] if wide else header, shown)


def _more_of_pool(row: PoolRow) -> list[str]:
    """Its quota, what each namespace holds of it, and its ranges."""
    quota = ",".join(f"{name}={count}" for name, count in (row.quota or {}).items())
    use = ",".join(
        f"{each.namespace}={each.addresses}{'' if each.limit is None else f'/{each.limit}'}"
        for each in row.namespaces
    )
    return [quota, use, ",".join(row.addresses)]


def announcements_table(rows: Sequence[AnnouncementRow], wide: bool) -> str:
    """`get announcements`."""
    header = ["NODE", "ANNOUNCER", "PREFIX", "SERVICES", "TO"]
    shown = [
        [
            row.node,
            row.announcer,
            row.prefix,
            ",".join(row.services),
            receivers(row.announcer, row.to),
            *([",".join(row.addresses), _attributes(row.attributes)] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "ADDRESSES", "ATTRIBUTES"] if wide else header, shown)


def _attributes(attributes: dict[str, Any]) -> str:
    local_pref, communities = attributes["local_pref"], attributes["communities"]
    parts = [f"local_pref={local_pref}"] if local_pref else []
    return " ".join([*parts, *communities])


def peers_table(rows: Sequence[PeerRow], wide: bool) -> str:
    """`get peers`."""
    header = ["NODE", "NAME", "ADDRESS", "STATE", "RECEIVED", "ADVERTISED", "LAST ERROR"]
    shown = [
        [
            row.node,
            row.name,
            row.address,
            row.state,
            str(row.received_prefixes),
            str(row.advertised_prefixes),
            row.last_error,
            *([_since(row.since), "yes" if row.graceful_restart else "no"] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "SINCE", "GRACEFUL RESTART"] if wide else header, shown)


def nodes_table(rows: Sequence[NodeRow], wide: bool) -> str:
    """`get nodes`."""
    header = ["NAME", "ADDRESSES", "REACHABLE", "MAY ANNOUNCE"]
    shown = [
        [
            row.name,
            ",".join(row.addresses),
            "self" if row.here else {True: "yes", False: "no", None: "unwatched"}[row.reachable],
            "no" if row.network_unavailable or row.excluded or row.withdrawn else "yes",
            *([",".join(f"{key}={value}" for key, value in row.labels.items())] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "LABELS"] if wide else header, shown)


def interfaces_table(rows: Sequence[InterfaceRow], wide: bool) -> str:
    """`get interfaces`."""
    header = ["NODE", "NAME", "USABLE", "WHY NOT"]
    shown = [
        [
            row.node,
            row.name,
            "yes" if row.usable else "no",
            row.why_not,
            *([str(row.index), row.mac, ",".join(row.addresses)] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "INDEX", "MAC", "ADDRESSES"] if wide else header, shown)


def _since(since: Moment | None) -> str:
    return f"{since.time} @{since.position}" if since else ""
