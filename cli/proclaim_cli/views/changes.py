"""A difference as text: one line for each change, then how far it reaches."""

from __future__ import annotations

from proclaim.events import Why
from proclaim.verdict import Silence

from proclaim_cli.values.changes import AnnouncementChange, Changes, ServiceChange
from proclaim_cli.values.noticed import AtNode, AtReceiver
from proclaim_cli.values.plain import Because
from proclaim_cli.views.receivers import receivers
from proclaim_cli.views.table import printable

_NAMED = 3
_REACHED = 12
"""Nodes, peers and interfaces that have a line of their own, unless all are asked for."""
_ECHOES = (
    (Why.REQUEST_CHANGED, Why.REQUESTED),
    (Why.POOL_REQUEST_CHANGED, Why.REQUESTED_POOL),
    (Why.STATUS_CHANGED, Why.ADOPTED),
)
"""Reasons for losing one address and having another of which the second says nothing new."""
_SIGNS = {
    "kept": " ",
    "assigned": "+",
    "moved": "~",
    "released": "-",
    "refused": "!",
    "added": "+",
    "removed": "-",
    "changed": "~",
}


def changes_text(found: Changes, wide: bool) -> str:
    """The lines of a difference; what is kept is only counted, unless it is asked for."""
    lines = [_service(each) for each in found.services if wide or each.noticeable]
    lines += [_announcement(each) for each in found.announcements]
    lines += _unannounced(found)
    return "".join(f"{printable(line)}\n" for line in [*lines, *_summary(found, wide)])


def _service(each: ServiceChange) -> str:
    gained = [text for text in each.after if text not in each.before]
    lost = [text for text in each.before if text not in each.after]
    match each.change:
        case "moved":
            addresses = f" {','.join(each.before)} -> {','.join(each.after)}"
        case "kept":
            addresses = f" {','.join(each.after)}"
        case _:
            addresses = f" {','.join(gained or lost)}" if gained or lost else ""
    if each.change in ("assigned", "released") and each.before and each.after:
        stays = each.before if gained else each.after
        addresses += f", keeps {','.join(stays)}"
    said = [each.reason.message] if each.reason else []
    if each.outcome and (each.reason is None or not _echoes(each.reason, each.outcome)):
        said.append(each.outcome.message)
    sign = "~" if each.change == "kept" and each.noticeable else _SIGNS[each.change]
    reason = f" ({'; '.join(said)})" if said else ""
    return f"{sign} service {each.namespace}/{each.name}: {each.change}{addresses}{reason}"


def _echoes(reason: Because, outcome: Because) -> bool:
    return (reason.code, outcome.code) in _ECHOES


def _announcement(each: AnnouncementChange) -> str:
    row = each.after or each.before
    services = f" for {', '.join(row.services)}" if row else ""
    told = each.reason is None or each.reason.code == Silence.NO_ADDRESS  # by the Service's line
    reason = f" ({each.reason.message})" if each.reason and not told else ""
    return (
        f"{_SIGNS[each.change]} {each.announcer} on {each.node}: {each.prefix} {each.change}, "
        f"to {receivers(each.announcer, each.to)}{services}{reason}"
    )


def _unannounced(found: Changes) -> list[str]:
    """One line for each reason, with the first Services that it is for."""
    names: dict[str, list[str]] = {}
    for each in found.unannounced:
        names.setdefault(each.message, []).append(f"{each.namespace}/{each.name}")
    return [
        f"! service {', '.join(of[:_NAMED])}"
        f"{f' and {len(of) - _NAMED} more' if len(of) > _NAMED else ''}: "
        f"announced by nobody: {message}"
        for message, of in names.items()
    ]


def _summary(found: Changes, wide: bool) -> list[str]:
    summary = found.summary
    kept = summary.services.kept
    if not summary.changes:
        return [f"no changes: {_count(kept, 'service')} kept"]
    services = _parts(summary.services._asdict())
    announcements = _parts(summary.announcements._asdict())
    reach = f" on {_count(len(summary.nodes), 'node')}" if found.announcements else ""
    reach += f", to {', '.join(summary.to)}" if summary.to else ""
    told = f"services: {services or 'no change'}; announcements: {announcements or 'no change'}"
    return [
        *_some([_at_node(each) for each in summary.by_node], "nodes", wide),
        *_some([_at_receiver(each) for each in summary.by_receiver], "peers or interfaces", wide),
        f"{told}{reach}",
    ]


def _some(lines: list[str], what: str, wide: bool) -> list[str]:
    """The lines of those that are reached; none for one alone, which the last line tells of."""
    if len(lines) < 2:
        return lines if wide else []
    if wide or len(lines) <= _REACHED:
        return lines
    return [*lines[:_REACHED], f"  and {len(lines) - _REACHED} more {what}"]


def _at_node(each: AtNode) -> str:
    return f"  on {each.node}: {_counts(each)}"


def _at_receiver(each: AtReceiver) -> str:
    name = receivers(each.announcer, [each.name] if each.name else [])
    nodes = _count(len(each.nodes), "node")
    return f"  {each.announcer} to {name}: {_counts(each)}, from {nodes}"


def _counts(each: AtNode | AtReceiver) -> str:
    counts = {"added": each.added, "removed": each.removed, "changed": each.changed}
    return _parts(counts)


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {change}" for change, count in counts.items() if count)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
