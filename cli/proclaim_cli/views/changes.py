"""A difference as text: one line for each change, then how far it reaches."""

from __future__ import annotations

from proclaim.verdict import Silence

from proclaim_cli.values.changes import AnnouncementChange, Changes, ServiceChange
from proclaim_cli.views.receivers import receivers

_NAMED = 3
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
    lines = [_service(each) for each in found.services if wide or each.change != "kept"]
    lines += [_announcement(each) for each in found.announcements]
    lines += _unannounced(found)
    return "".join(f"{line}\n" for line in [*lines, *_summary(found)])


def _service(each: ServiceChange) -> str:
    before, after = ",".join(each.before), ",".join(each.after)
    match each.change:
        case "moved":
            addresses = f" {before} -> {after}"
        case "released" | "refused":
            addresses = f" {before}" if before else ""
        case _:
            addresses = f" {after}"
    reason = f" ({each.reason.message})" if each.reason else ""
    return (
        f"{_SIGNS[each.change]} service {each.namespace}/{each.name}: "
        f"{each.change}{addresses}{reason}"
    )


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


def _summary(found: Changes) -> list[str]:
    summary = found.summary
    kept = summary.services.kept
    if not summary.changes:
        return [f"no changes: {_count(kept, 'service')} kept"]
    services = _parts(summary.services._asdict())
    announcements = _parts(summary.announcements._asdict())
    reach = f" on {_count(len(summary.nodes), 'node')}" if found.announcements else ""
    reach += f", to {', '.join(summary.to)}" if summary.to else ""
    return [
        f"services: {services or 'no change'}; announcements: {announcements or 'no change'}{reach}"
    ]


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {change}" for change, count in counts.items() if count)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
