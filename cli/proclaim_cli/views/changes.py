"""A difference as text: one line for each change, then how far it reaches."""

from __future__ import annotations

from collections.abc import Sequence

from proclaim.events import Why
from proclaim.verdict import Silence

from proclaim_cli.values.changes import AnnouncementChange, Changes, ServiceChange
from proclaim_cli.values.left_alone import LeftAlone
from proclaim_cli.values.noticed import AtNode, AtReceiver
from proclaim_cli.values.plain import Because, counted, some
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


def changes_text(found: Changes, wide: bool, obstacle: str = "") -> str:
    """The lines of a difference; what is kept is only counted, unless it is asked for.

    `obstacle` says why that nothing changes means nothing.
    """
    lines = [_service(each) for each in found.services if wide or each.noticeable]
    lines += _announcements(found.announcements, wide)
    lines += _unannounced(found)
    lines += map(_left_alone, found.left_alone)
    return "".join(f"{printable(line)}\n" for line in [*lines, *_summary(found, wide, obstacle)])


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


def _announcements(found: Sequence[AnnouncementChange], wide: bool) -> list[str]:
    """One line for what is the same on several nodes, unless each is asked for.

    What changes in nothing but its Services, which nobody on the network notices, is counted.
    """
    if wide:
        return [_announcement(each, f"on {each.node}") for each in found]
    alike: dict[str, list[AnnouncementChange]] = {}
    unnoticed = 0
    for each in found:
        if each.noticeable:
            alike.setdefault(_announcement(each, ""), []).append(each)
        else:
            unnoticed += 1
    lines = [_announcement(same[0], _on([each.node for each in same])) for same in alike.values()]
    if unnoticed:
        lines.append(
            f"~ {counted(unnoticed, 'announcement')} changed in nothing but the Services "
            "(-o wide lists them)"
        )
    return lines


def _on(nodes: Sequence[str]) -> str:
    """On which nodes; of many, how many and the first few."""
    if len(nodes) <= _NAMED:
        return f"on {', '.join(nodes)}"
    return f"on {len(nodes)} nodes ({some(nodes)})"


def _announcement(each: AnnouncementChange, where: str) -> str:
    row = each.after or each.before
    services = f" for {some(row.services)}" if row else ""
    told = each.reason is None or each.reason.code == Silence.NO_ADDRESS  # by the Service's line
    reason = f" ({each.reason.message})" if each.reason and not told else ""
    return (
        f"{_SIGNS[each.change]} {each.announcer} {where}: {each.prefix} {each.change}, "
        f"to {receivers(each.announcer, each.to)}{services}{reason}"
    )


def _unannounced(found: Changes) -> list[str]:
    """One line for each reason, with the first Services that it is for."""
    names: dict[str, list[str]] = {}
    for each in found.unannounced:
        names.setdefault(each.message, []).append(f"{each.namespace}/{each.name}")
    return [
        f"! service {some(of)}: announced by nobody: {message}" for message, of in names.items()
    ]


def _left_alone(each: LeftAlone) -> str:
    """Who is not served, and whom of those somebody will miss."""
    verb = "is" if each.services == 1 else "are"
    if not each.announced:
        return f"  {each.whom} {verb} not served"
    return (
        f"! {each.whom} {verb} not served; what has an address of these pools would no longer be "
        f"announced: {some(each.announced)}"
    )


def _summary(found: Changes, wide: bool, obstacle: str) -> list[str]:
    summary = found.summary
    aside = {"not served": sum(each.services for each in found.left_alone)}
    if not summary.changes:
        kept = f"{counted(summary.services.kept, 'service')} kept"
        kept = ", ".join(filter(None, (kept, _parts(aside))))
        return [f"no plan: {obstacle}; {kept}" if obstacle else f"no changes: {kept}"]
    services = _parts({**summary.services._asdict(), **aside})
    announcements = _parts(summary.announcements._asdict())
    reach = f" on {counted(len(summary.nodes), 'node')}" if found.announcements else ""
    reach += f", to {', '.join(summary.to)}" if summary.to else ""
    nodes = wide or len(summary.by_node) > 1  # of one alone the last line tells
    at_receivers = [_at_receiver(each) for each in summary.by_receiver]
    told = f"services: {services or 'no change'}; announcements: {announcements or 'no change'}"
    return [
        *(_some(_at_nodes(summary.by_node, wide), "nodes", wide) if nodes else []),
        *(
            _some(at_receivers, "peers or interfaces", wide)
            if wide or len(at_receivers) > 1
            else []
        ),
        f"{told}{reach}",
    ]


def _some(lines: list[str], what: str, wide: bool) -> list[str]:
    """The lines of those that are reached; of many the first."""
    if wide or len(lines) <= _REACHED:
        return lines
    return [*lines[:_REACHED], f"  and {len(lines) - _REACHED} more {what}"]


def _at_nodes(found: Sequence[AtNode], wide: bool) -> list[str]:
    """What changes on each node; those of which the same is so have one line."""
    if wide:
        return [f"  on {each.node}: {_counts(each)}" for each in found]
    alike: dict[str, list[str]] = {}
    for each in found:
        alike.setdefault(_counts(each), []).append(each.node)
    return [
        f"  {_on(nodes)}: {counts}{' each' if len(nodes) > 1 else ''}"
        for counts, nodes in alike.items()
    ]


def _at_receiver(each: AtReceiver) -> str:
    name = receivers(each.announcer, [each.name] if each.name else [])
    nodes = counted(len(each.nodes), "node")
    return f"  {each.announcer} to {name}: {_counts(each)}, from {nodes}"


def _counts(each: AtNode | AtReceiver) -> str:
    counts = {"added": each.added, "removed": each.removed, "changed": each.changed}
    return _parts(counts)


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {change}" for change, count in counts.items() if count)
