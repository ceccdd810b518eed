"""What to say of a Service that no fact speaks of."""

from __future__ import annotations

from proclaim.errors import NotFound
from proclaim.model import Ref
from proclaim.state import State

from proclaim_cli.values.names import services_alike

_REPORTED = (
    "AnnouncerStatus",
    "InterfaceStatus",
    "NodeReachability",
    "NodeWithdrawal",
    "PeerStatus",
)
"""Kinds that no source describes."""


def unknown_service(state: State, ref: Ref) -> NotFound:
    """Why a Service is not known, as far as one can tell."""
    for problem in (each for found in state.problems.values() for each in found):
        if (problem.kind, problem.namespace or "default", problem.name) == ref:
            return NotFound(
                f"there is no Service {ref.short}: {problem}",
                hint="correct the manifest; `proclaim check` shows whether it is sound",
            )
    if not state.problems and not any(
        found for kind, found in state.resources.items() if kind not in _REPORTED
    ):
        return NotFound(
            f"there is no Service {ref.short}: no source has said anything yet",
            hint="what `proclaim run` logs says which source it waits for",
        )
    hint = "`proclaim get services` lists them; write namespace/name outside `default`"
    if alike := services_alike(ref, {*state.of_kind("Service"), *state.holdings}):
        hint = f"did you mean {' or '.join(alike)}? {hint}"
    return NotFound(f"there is no Service {ref.short}", hint=hint)
