"""An explanation as text, from the address to the wire."""

from __future__ import annotations

from proclaim_cli.values.explained import AddressExplained, Announced, ServiceExplained
from proclaim_cli.values.history import Past
from proclaim_cli.views.table import printable


def service_text(found: ServiceExplained) -> str:
    """Everything about one Service, one rule on each line."""
    lines = [f"service {found.namespace}/{found.name}"]
    if not found.known:
        lines.append("  is gone" if found.last else "  is not known")
    if found.last:
        return _lines(lines + _last(found.last))
    if found.addresses:
        lines.append(f"  has {' and '.join(found.addresses)} from pool {found.pool}")
    else:
        lines.append("  has no address")
    code = f" [{found.reason.code}]" if found.reason.code else ""
    lines.append(f"  because {found.reason.message}{code}")
    if found.since:
        lines.append(f"  since {found.since.time}, position @{found.since.position}")
    lines += [f"  pool {each.pool}: {each.message}" for each in found.pools]
    if found.addresses:
        lines += [line for each in found.announced for line in _announced(each)]
    if found.trap:
        lines.append(f"  not announced anywhere: {found.trap}")
    return _lines(lines)


def _last(last: Past) -> list[str]:
    """What a Service that is gone had, and how to ask about it as it was."""
    until = f"until {last.until.time}, position @{last.until.position}"
    if last.addresses:
        had = f"had {' and '.join(last.addresses)} from pool {last.pool} {until}"
    else:
        had = f"was there {until}, and had no address"
    return [
        f"  {had}",
        f"  because {last.reason.message} [{last.reason.code}]",
        f"  `proclaim explain {last.service} --at @{last.at}` explains it as it was",
    ]


def _announced(each: Announced) -> list[str]:
    if each.announced:
        said = f"yes, {', '.join(each.prefixes)}; {each.message}"
    else:
        said = f"no, {each.message} [{each.code}]"
    lines = [f"  {each.node} {each.announcer}: {said}"]
    return lines + [f"    {outlet.name}: {outlet.state or 'not reported'}" for outlet in each.to]


def address_text(found: AddressExplained) -> str:
    """Everything about one address."""
    covered = f"is in pool {found.pool}" if found.pool else "is in no pool"
    held = "" if found.services else "; nobody holds it"
    lines = [f"address {found.address} {covered}{held}"]
    if found.last:
        lines.append(f"  the last to hold it was service {found.last.service}")
        lines += _last(found.last)
    return _lines(lines) + "".join(service_text(each) for each in found.services)


def _lines(lines: list[str]) -> str:
    return "".join(f"{printable(line)}\n" for line in lines)
