"""The reporter of a controller: Service statuses, pool counters, its ConfigurationState, Events.

Nothing is written but while this process is elected, and no write goes on
after the mandate has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio
from proclaim import Authority, Observe, Ref
from proclaim.reporting import (
    AddressAssigned,
    AddressReleased,
    Observed,
    Recorded,
    Removed,
    State,
    View,
    ordered,
    paced,
)

from proclaim_k8s_source.reporter.complaints import Complaints
from proclaim_k8s_source.reporter.configuration import ConfigurationWriter, concerns
from proclaim_k8s_source.reporter.desk import Desk
from proclaim_k8s_source.reporter.documents import Teller
from proclaim_k8s_source.reporter.events import of_facts, of_problems
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.reporter.pools import PoolWriter
from proclaim_k8s_source.reporter.posting import Poster
from proclaim_k8s_source.reporter.rivals import Rivals
from proclaim_k8s_source.reporter.services import ServiceWriter

MANAGER = "proclaim-controller"
WORKERS = 8
LAPSE_SECONDS = 1.0
"""When to look again at what was not written because the mandate had run out."""
CONFIGURATION = Ref("ConfigurationState", "", "controller")
_AT_ONCE = 256


class ControllerReporter:
    """Keeps what the server shows equal to what was decided."""

    name = "kubernetes-controller"

    def __init__(self, office: Office, valid_until: Callable[[], float]) -> None:
        """`valid_until` is until when this process is elected, by trio's clock."""
        self._office = office
        self._valid_until = valid_until

    async def run(self, view: View, observe: Observe) -> None:
        """Write until cancelled."""
        rivals = Rivals(self._office)
        async with trio.open_nursery() as nursery:
            writing = _Writing(self._office, view, rivals, self._valid_until)
            nursery.start_soon(writing.desk.run)
            nursery.start_soon(writing.poster.run)
            nursery.start_soon(writing.follow_shown)
            nursery.start_soon(writing.follow_state)
            nursery.start_soon(writing.begin_configuration)
            nursery.start_soon(rivals.report, self.name, observe)


class _Writing:
    """One run of it."""

    def __init__(
        self, office: Office, view: View, rivals: Rivals, valid_until: Callable[[], float]
    ) -> None:
        self._valid_until = valid_until
        self._view = view
        self._shown = office.shown
        self._services = ServiceWriter(office, rivals)
        self._pools = PoolWriter(office, rivals)
        self._configuration = ConfigurationWriter(office, "poolReconciler")
        self._configures = False
        self.desk = Desk(self._write, office.api.contact, office.host.random, WORKERS)
        self.poster = Poster(office, Teller(MANAGER, office.instance), self.desk.wait_idle)

    async def begin_configuration(self) -> None:
        """Have the ConfigurationState looked at, as soon as it is known whether it is there."""
        await self._shown.wait_listed(CONFIGURATION.kind)
        self._configures = True
        self.desk.add([CONFIGURATION])

    async def follow_state(self) -> None:
        """Have looked at what facts touch; at everything when we begin to lead."""
        before, led = self._view.state.value, False
        complaints = Complaints(before)
        async for state in self._view.state.changes():
            leads = state.authority is Authority.ALLOCATE
            facts = self._view.since(before.position)
            if leads and (not led or facts is None):
                await self._look_at_everything(state)
            if leads and facts:
                facts = [item for item in facts if item.position <= state.position]
                self.desk.add(_touched(facts), urgent=True)
                self.poster.post(of_facts(facts, state))
            self.poster.post(of_problems(complaints.news(state, leads, trio.current_time()), state))
            before, led = state, leads

    async def follow_shown(self) -> None:
        """Have looked at what changes on the server."""
        version = 0
        await self._shown.wait_listed("Service")  # until then there is nothing to compare with
        while True:
            version, refs = await self._shown.changed(version)
            if refs is None:
                await self._look_at_everything(self._view.state.value)
            else:
                self.desk.add(ref for ref in refs if _is_ours(ref))

    async def _look_at_everything(self, state: State) -> None:
        self.desk.add([CONFIGURATION])
        for kind in ("Service", "IPAddressPool"):
            if not self._shown.listed(kind):  # each is looked at when it is seen
                continue
            refs = await paced(ordered(state.of_kind(kind)))
            for at in range(0, len(refs), _AT_ONCE):
                self.desk.add(refs[at : at + _AT_ONCE])
                await trio.lowlevel.checkpoint()

    async def _write(self, key: Ref) -> None:
        state = self._view.state.value
        if state.authority is not Authority.ALLOCATE:
            return
        again: float | None = None
        with trio.move_on_at(self._valid_until()) as mandate:
            if key.kind == "Service":
                again = await self._services.write(state, key)
            elif key.kind == "IPAddressPool":
                again = await self._pools.write(state, key)
            elif self._configures:
                await self._configuration.write(state, "")
        if mandate.cancelled_caught:
            again = trio.current_time() + LAPSE_SECONDS
        if again is not None:
            self.desk.postpone(key, again)


def _touched(facts: Iterable[Recorded]) -> Iterable[Ref]:
    """What facts may have made others than it was."""
    for item in facts:
        if concerns(item.fact):
            yield CONFIGURATION
        match item.fact:
            case AddressAssigned(service=ref, pool=pool) | AddressReleased(service=ref, pool=pool):
                yield ref
                yield Ref("IPAddressPool", "", pool)
            case Observed(resource=resource) if _is_ours(resource.ref):
                yield resource.ref
            case Removed(ref=ref) if _is_ours(ref):
                yield ref
            case _:
                pass


def _is_ours(ref: Ref) -> bool:
    return ref.kind in ("Service", "IPAddressPool") or ref == CONFIGURATION
