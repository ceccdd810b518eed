"""The table of `history`."""

from __future__ import annotations

from collections.abc import Sequence

from proclaim_cli.values.intervals import Interval
from proclaim_cli.values.plain import Because, Moment
from proclaim_cli.views.table import table


def intervals_table(rows: Sequence[Interval], wide: bool) -> str:
    """One line for each interval; `wide` says the reasons in full, and the positions."""
    header = ["SERVICE", "ADDRESSES", "POOL", "SINCE", "BECAUSE", "UNTIL", "ENDED"]
    return table(
        header,
        [
            [
                row.service,
                ",".join(row.addresses),
                row.pool,
                _moment(row.since, wide),
                _why(row.reason, wide),
                _moment(row.until, wide) if row.until else "now",
                _why(row.ended, wide) if row.ended else "",
            ]
            for row in rows
        ],
    )


def _moment(moment: Moment, wide: bool) -> str:
    return f"{moment.time} @{moment.position}" if wide else moment.time


def _why(reason: Because, wide: bool) -> str:
    return reason.message if wide else reason.code
