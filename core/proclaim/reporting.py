"""For authors of reporters: what a `View` shows, and what to make of it.

    from proclaim.reporting import State, View, message, pool_statuses

Everything here is a value or a pure function; nothing writes anywhere.
"""

from proclaim.addresses import parse_address
from proclaim.decide import decide
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    AuthorityTaken,
    Fact,
    Observed,
    ProblemsReported,
    Reason,
    Recorded,
    RefusalWithdrawn,
    Rejected,
    RejectionWithdrawn,
    Removed,
    SourceListed,
    TaskFailed,
    Why,
)
from proclaim.explain import lost_claim
from proclaim.findings import Code, Finding, Severity, examine, standing
from proclaim.ledger import paced
from proclaim.project import Projection, differing, project
from proclaim.reasons import message
from proclaim.state import Holding, Refusal, State
from proclaim.statuses import (
    API_VERSION,
    Fill,
    Object,
    configuration_states,
    fills,
    pool_counts,
    pool_statuses,
    service_status,
    service_statuses,
)
from proclaim.steps import ordered
from proclaim.view import View

__all__ = [
    "API_VERSION",
    "AddressAssigned",
    "AddressRefused",
    "AddressReleased",
    "AuthorityTaken",
    "Code",
    "Fact",
    "Fill",
    "Finding",
    "Holding",
    "Object",
    "Observed",
    "ProblemsReported",
    "Projection",
    "Reason",
    "Recorded",
    "Refusal",
    "RefusalWithdrawn",
    "Rejected",
    "RejectionWithdrawn",
    "Removed",
    "Severity",
    "SourceListed",
    "State",
    "TaskFailed",
    "View",
    "Why",
    "configuration_states",
    "decide",
    "differing",
    "examine",
    "fills",
    "lost_claim",
    "message",
    "ordered",
    "paced",
    "parse_address",
    "pool_counts",
    "pool_statuses",
    "project",
    "service_status",
    "service_statuses",
    "standing",
]
