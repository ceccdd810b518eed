"""The reporter of a node: what it announces of which Service, its ConfigurationState, Events."""

from __future__ import annotations

from collections.abc import Iterable

import trio
from proclaim import Observe, Ref, Spread
from proclaim.model import service_ref
from proclaim.reporting import (
    Object,
    Projection,
    View,
    differing,
    ordered,
    paced,
    service_status,
)

from proclaim_k8s_source.reporter.configuration import ConfigurationWriter, concerns
from proclaim_k8s_source.reporter.desk import Desk
from proclaim_k8s_source.reporter.documents import Teller, created, path_of, status_name
from proclaim_k8s_source.reporter.events import of_announcements
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.reporter.patches import status_patch
from proclaim_k8s_source.reporter.posting import Poster
from proclaim_k8s_source.shown import ShownObject

MANAGER = "proclaim-node"
WORKERS = 4
CONFIGURATION = "ConfigurationState"
KINDS = {Spread.ONE_NODE: "ServiceL2Status", Spread.EVERY_NODE: "ServiceBGPStatus"}
_SPREADS = {kind: spread for spread, kind in KINDS.items()}
_AT_ONCE = 256
LEFT_BEHIND_SECONDS = 10.0
"""For how long another node's status must not change before it counts as left behind.

A node that lives removes its own.  Two that both believe to be the one that
answers, as they may until both know the same, would else remove and write on
and on.
"""


class NodeReporter:
    """Keeps what the server shows of this node equal to what it announces."""

    name = "kubernetes-node"

    def __init__(self, office: Office) -> None:
        self._office = office

    async def run(self, view: View, observe: Observe) -> None:
        """Write until cancelled."""
        writing = _Writing(self._office, view)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writing.desk.run)
            nursery.start_soon(writing.poster.run)
            nursery.start_soon(writing.follow_shown)
            nursery.start_soon(writing.follow_state)
            for kind in (*_SPREADS, CONFIGURATION):
                nursery.start_soon(writing.begin, kind)
            for spread in view.projections:
                nursery.start_soon(writing.follow_projection, spread)


class _Writing:
    """One run of it."""

    def __init__(self, office: Office, view: View) -> None:
        self._office = office
        self._view = view
        self._configuration = ConfigurationWriter(office, "configReconciler")
        self._mine = Ref(CONFIGURATION, "", f"speaker-{view.node}")
        self._strange: dict[Ref, dict[str, tuple[str, float]]] = {}
        """Of other nodes, by name: which version was seen, and since when."""
        self._ready: set[str] = set()
        """Kinds of which everything is seen, so that nothing is created that is there."""
        self.desk = Desk(self._write, office.api.contact, office.host.random, WORKERS)
        self.poster = Poster(office, Teller(MANAGER, office.instance), self.desk.wait_idle)

    async def begin(self, kind: str) -> None:
        """Have looked at all objects of a kind, as soon as it is known which there are."""
        await self._office.shown.wait_listed(kind)
        self._ready.add(kind)
        await self._look_at_all(kind)

    async def follow_state(self) -> None:
        """Have the ConfigurationState looked at when anything that it tells of changes."""
        before = self._view.state.value
        async for state in self._view.state.changes():
            facts = self._view.since(before.position)
            if facts is None or any(concerns(item.fact) for item in facts):
                self.desk.add([self._mine])
            before = state

    async def follow_projection(self, spread: Spread) -> None:
        """Have looked at the Services of which something else is announced, and tell it."""
        before: Projection | None = None
        async for now in self._view.projections[spread].changes():
            if now is None:
                continue
            if before is not None:  # what is announced since before this process began is no news
                facts = self._view.since(before.state.position)
                if facts is not None:
                    facts = [item for item in facts if item.position <= now.state.position]
                refs = await paced(differing(before, now, facts))
                await self._add(spread, refs)
                self.poster.post(of_announcements(refs, before, now))
            before = now

    async def follow_shown(self) -> None:
        """Have looked at what changes on the server."""
        version = 0
        while True:
            version, refs = await self._office.shown.changed(version)
            if refs is None:
                for kind in tuple(self._ready):
                    await self._look_at_all(kind)
            else:
                self.desk.add(ref for ref in refs if ref.kind in _SPREADS or ref == self._mine)

    async def _look_at_all(self, kind: str) -> None:
        if kind == CONFIGURATION:
            self.desk.add([self._mine])
            return
        spread = _SPREADS[kind]
        shown = self._office.shown.services_of(kind, self._view.node)
        await self._add(spread, await paced(ordered({*shown, *self._announced(spread)})))

    async def _add(self, spread: Spread, services: Iterable[Ref]) -> None:
        keys: list[Ref] = []
        for at, ref in enumerate(services):
            if at % _AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            keys.append(ref._replace(kind=KINDS[spread]))
        self.desk.add(keys)

    def _announced(self, spread: Spread) -> Iterable[Ref]:
        latest = self._view.projections.get(spread)
        return latest.value.parts if latest is not None and latest.value is not None else ()

    async def _write(self, key: Ref) -> None:
        if key.kind not in self._ready:
            return
        if key == self._mine:
            await self._configuration.write(self._view.state.value, self._view.node)
            return
        latest = self._view.projections.get(_SPREADS[key.kind])
        projection = latest.value if latest is not None else None
        if projection is None and latest is not None:
            return  # it is not known yet what is announced
        service = service_ref(key.namespace, key.name)
        target = service_status(projection, service) if projection is not None else None
        shown = self._office.shown.of_service(key.kind, service)
        if target is not None:
            await self._write_status(key.kind, service, target, shown)
        await self._delete(key, _to_delete(shown, self._view.node, target is not None, key.kind))

    async def _delete(self, key: Ref, untrue: Iterable[ShownObject]) -> None:
        """Delete our own at once, and those of others when they were left behind."""
        now, before = trio.current_time(), self._strange.pop(key, {})
        for each in untrue:
            version, since = before.get(each.name, ("", now))
            since = since if version == each.resource_version else now
            due = since + LEFT_BEHIND_SECONDS
            if each.node != self._view.node and now < due:
                self._strange.setdefault(key, {})[each.name] = each.resource_version, since
                self.desk.postpone(key, due)
            else:
                await self._office.delete(path_of(key.kind, self._office.namespace, each.name))

    async def _write_status(
        self, kind: str, service: Ref, target: Object, shown: Iterable[ShownObject]
    ) -> None:
        office, node = self._office, self._view.node
        mine = next((each for each in shown if each.node == node), None)
        name = mine.name if mine else status_name(kind, node, service)
        if mine is None:
            made = created(target, name, office.namespace, office.owner)
            await office.create(path_of(kind, office.namespace), made)
        status = dict(mine.status) if mine and mine.status else None
        body = status_patch(status, target["status"])
        if body is not None:
            await office.patch_status(path_of(kind, office.namespace, name), body)


def _to_delete(
    shown: Iterable[ShownObject], node: str, announced: bool, kind: str
) -> Iterable[ShownObject]:
    """The status objects of a Service that are not true any more.

    Of one that only one node announces at a time, who announces it removes
    what the one before left behind.
    """
    kept = not announced
    for each in shown:
        if each.node == node and not kept:
            kept = True
        elif each.node == node or (announced and kind == KINDS[Spread.ONE_NODE]):
            yield each
