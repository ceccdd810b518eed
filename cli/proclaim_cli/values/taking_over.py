"""What a first start in a running cluster would change: what is there, against what would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from proclaim.doubt import doubt
from proclaim.explain import lost_claim
from proclaim.findings import Finding, examine
from proclaim.model import Authority, Authorized, Listing, Ref, service_ref
from proclaim.reach import View
from proclaim.reasons import claimed_in_vain
from proclaim.state import State

from proclaim_cli.values.changes import Changes, ServiceChange, Services, changes, decisions
from proclaim_cli.values.left_alone import LeftAlone, left_alone, none_served
from proclaim_cli.values.plain import Because, because
from proclaim_cli.values.resources import named_nodes


class TakingOver(NamedTuple):
    """What would change, what is to say about the cluster, and why nothing would be done."""

    changes: Changes
    findings: list[Finding]
    doubt: str
    """Why nothing would be given or written; empty when nothing stands against it."""
    none_served: str
    """That no Service is of the class to serve, though some have addresses; empty otherwise."""


def taking_over(
    listing: Listing, load_balancer_class: str, nodes: Sequence[str] = ()
) -> TakingOver:
    """The difference between what the statuses say and what an empty ledger would make of them.

    Without nodes named, those of the listing count.
    """
    follow, adopt, allocate = (
        Authorized(authority, load_balancer_class)
        for authority in (Authority.FOLLOW, Authority.ADOPT, Authority.ALLOCATE)
    )
    before = decisions(State(), [follow, listing]).state
    made = decisions(State(), [adopt, listing])
    why = doubt(made.state)
    if not why:
        made = decisions(State(), [adopt, listing, allocate])
    known = list(nodes) or named_nodes(made.state)
    planned = changes(View(before, known), made, View(made.state, known))
    if not why:
        planned = _with_claims(planned, made.state)
    aside = left_alone(made.state)
    unserved = none_served(made.state, aside)
    return TakingOver(_with_those(planned, aside), sorted(examine(made.state)), why, unserved)


def _with_those(planned: Changes, aside: tuple[LeftAlone, ...]) -> Changes:
    """The same with those who are left alone; for an address that is in use this is a change."""
    lost = any(each.announced for each in aside)
    summary = planned.summary._replace(changes=planned.summary.changes or lost)
    return planned._replace(left_alone=aside, summary=summary)


def _with_claims(planned: Changes, after: State) -> Changes:
    """The same, where a Service had what its status shows, whatever the rules make of it."""
    services = tuple(_with_claim(each, after) for each in planned.services)
    if services == planned.services:
        return planned
    count: Counter[str] = Counter(each.change for each in services)
    summary = planned.summary._replace(
        changes=True, services=Services(*(count[field] for field in Services._fields))
    )
    return planned._replace(services=services, summary=summary)


def _with_claim(each: ServiceChange, after: State) -> ServiceChange:
    service = after.service(service_ref(each.namespace, each.name))
    if each.before or service is None or not service.status_addresses:
        return each
    lost = lost_claim(after, service)
    return each._replace(
        change="moved" if each.after else "released",
        before=service.status_addresses,
        reason=because(lost[1]) if lost else each.reason,
        outcome=_outcome(after, service.ref) or each.reason,
    )


def _outcome(after: State, ref: Ref) -> Because | None:
    """Why a Service has what it has, without the claim that is told beside it already."""
    holding = after.holdings.get(ref)
    if holding is None or not claimed_in_vain(holding.reason):
        return None
    return because(msgspec.structs.replace(holding.reason, addresses=()))
