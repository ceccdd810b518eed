"""The table of `get statuses`."""

from __future__ import annotations

from collections.abc import Sequence

from proclaim.model import Spread
from proclaim.statuses import Object

from proclaim_cli.values.resources import ANNOUNCERS
from proclaim_cli.values.statuses import node_of, subject
from proclaim_cli.views.receivers import receivers
from proclaim_cli.views.table import table


def statuses_table(objects: Sequence[Object], wide: bool) -> str:
    """`get statuses`; every column is there without `wide`, but for most of what is wrong."""
    header = ["KIND", "NODE", "NAME", "STATUS"]
    return table(
        header,
        [[each["kind"], node_of(each), subject(each), _said(each, wide)] for each in objects],
    )


def _said(found: Object, wide: bool) -> str:
    status = found["status"]
    match found["kind"]:
        case "ServiceL2Status":
            names = [each["name"] for each in status["interfaces"]]
            return receivers(ANNOUNCERS[Spread.ONE_NODE], names)
        case "ServiceBGPStatus":
            return ",".join(status["peers"])
        case "IPAddressPool":
            return " ".join(f"{key}={value}" for key, value in status.items())
        case _:
            wrong = status["errorSummary"].splitlines()
            left = 0 if wide else len(wrong) - 1
            said = "; ".join(wrong if wide else wrong[:1])
            return f"{status['result']} {said}{f'; and {left} more' if left > 0 else ''}".strip()
