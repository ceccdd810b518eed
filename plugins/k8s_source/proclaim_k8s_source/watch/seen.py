"""`Seen`: what the server shows of the objects that are written, and what changed of it.

A writer's cost follows the changes: each key stands once in the order of its
last change, and so many of them are remembered that only somebody who has been
away for very long has to look at everything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

import msgspec
import trio
from proclaim import Ref
from proclaim.model import Service

from proclaim_k8s_source.shown import ShownObject, ShownService
from proclaim_k8s_source.watch.translate import Item, ShownStatus

REMEMBERED = 65_536
"""Keys whose last change is remembered."""
_NODE = "metallb.io/node"
_SERVICE = "metallb.io/service-name"
_NAMESPACE = "metallb.io/service-namespace"
_OF_SERVICES = ("ServiceL2Status", "ServiceBGPStatus")


class _SeenService(NamedTuple):
    shown: ShownService
    uid: str
    asked: Service | None


class Seen:
    """The server's objects, kept up to date by the source."""

    def __init__(self) -> None:
        self._services: dict[Ref, _SeenService] = {}
        self._showing: dict[str, tuple[Ref, ...]] = {}
        self._objects: dict[Ref, ShownStatus] = {}
        self._of_service: dict[Ref, tuple[str, ...]] = {}
        self._of_node: dict[tuple[str, str], dict[Ref, int]] = {}
        self._listed: set[str] = set()
        self._version = 0
        self._floor = 0
        self._changes: OrderedDict[Ref, int] = OrderedDict()
        self._changed = trio.Event()

    # --- what the source says ------------------------------------------------------------------

    def begin(self) -> None:
        """The source begins anew; what was seen stays until it was listed again."""
        self._listed.clear()

    def change(self, item: Item) -> None:
        """One object is new, different or gone."""
        ref = item.ref
        if isinstance(item.shown, ShownService):
            self._put_service(item, item.shown)
        elif isinstance(item.shown, ShownStatus):
            self._put(ref, item.shown)
        elif item.gone and ref.kind == "Service":
            self._drop_service(ref)
        elif item.gone:
            self._drop(ref)

    def refs(self, kind: str) -> list[Ref]:
        """All objects of a kind that are seen."""
        known: Iterable[Ref] = self._services if kind == "Service" else self._objects
        return [ref for ref in known if ref.kind == kind]

    def complete(self, kind: str) -> None:
        """All objects of a kind have been said."""
        if kind not in self._listed:
            self._listed.add(kind)
            self._wake()

    # --- what writers ask ----------------------------------------------------------------------

    def listed(self, kind: str) -> bool:
        """Whether all objects of a kind are seen, so that one that is not seen does not exist."""
        return kind in self._listed

    async def wait_listed(self, kind: str) -> None:
        """Wait until all objects of a kind are seen."""
        while kind not in self._listed:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def service(self, ref: Ref) -> ShownService | None:
        """A Service; None when there is none, or it never was of type LoadBalancer."""
        found = self._services.get(ref)
        return found.shown if found else None

    def asked(self, ref: Ref) -> Service | None:
        """A Service as its user has it now; None when there is none, or it cannot be read."""
        found = self._services.get(ref)
        return found.asked if found else None

    def showing(self, address: str) -> Sequence[Ref]:
        """The Services whose statuses show an address."""
        return self._showing.get(address, ())

    def uid(self, ref: Ref) -> str:
        """The uid of a Service; empty when there is none."""
        found = self._services.get(ref)
        return found.uid if found else ""

    def object(self, kind: str, name: str) -> ShownObject | None:
        """An IPAddressPool or a ConfigurationState, or any other that is no Service."""
        found = self._objects.get(Ref(kind, "", name))
        return None if found is None else _shown(found)

    def of_service(self, kind: str, service: Ref) -> Sequence[ShownObject]:
        """The ServiceL2Statuses or ServiceBGPStatuses of a Service, by name."""
        names = self._of_service.get(service._replace(kind=kind), ())
        return [_shown(self._objects[Ref(kind, "", name)]) for name in names]

    def services_of(self, kind: str, node: str) -> Iterable[Ref]:
        """The Services of which a node has a status object of a kind."""
        return [ref._replace(kind="Service") for ref in self._of_node.get((kind, node), ())]

    async def changed(self, since: int) -> tuple[int, Iterable[Ref] | None]:
        """Wait until something changed after a version; the new version and what changed.

        A status object stands under its kind and the name of its Service.
        None where it is not known what changed, so that everything may have.
        """
        while self._version <= since:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()
        if since < self._floor:
            return self._version, None
        newest = takewhile(lambda each: each[1] > since, reversed(self._changes.items()))
        return self._version, [ref for ref, _ in newest]

    # --- bookkeeping ---------------------------------------------------------------------------

    def _put_service(self, item: Item, shown: ShownService) -> None:
        ref = item.ref
        known = self._services.get(ref)
        if known is not None and known.shown.resource_version == shown.resource_version:
            return
        if not shown.born:
            older = known.shown.born if known is not None and known.uid == item.uid else ""
            shown.born = older or shown.resource_version
        asked = item.resource if isinstance(item.resource, Service) else None
        self._services[ref] = _SeenService(shown, item.uid, asked)
        self._index(ref, known.shown.addresses if known else (), shown.addresses)
        self._note(ref)

    def _drop_service(self, ref: Ref) -> None:
        known = self._services.pop(ref, None)
        if known is not None:
            self._index(ref, known.shown.addresses, ())
            self._note(ref)

    def _index(self, ref: Ref, before: Sequence[str], after: Sequence[str]) -> None:
        if before == after:
            return
        for text in before:
            others = tuple(each for each in self._showing.get(text, ()) if each != ref)
            _keep(self._showing, text, others)
        for text in dict.fromkeys(after):
            self._showing[text] = (*self._showing.get(text, ()), ref)

    def _put(self, ref: Ref, shown: ShownStatus) -> None:
        known = self._objects.get(ref)
        if known is not None and known.resource_version == shown.resource_version:
            return
        self._drop(ref)
        self._objects[ref] = shown
        key, node = _key(ref, shown)
        if ref.kind in _OF_SERVICES:
            names = (*self._of_service.get(key, ()), ref.name)
            self._of_service[key] = tuple(sorted(names))
            on_node = self._of_node.setdefault((ref.kind, node), {})
            on_node[key] = on_node.get(key, 0) + 1
        self._note(key)

    def _drop(self, ref: Ref) -> None:
        known = self._objects.pop(ref, None)
        if known is None:
            return
        key, node = _key(ref, known)
        if ref.kind in _OF_SERVICES:
            names = tuple(name for name in self._of_service[key] if name != ref.name)
            _keep(self._of_service, key, names)
            on_node = self._of_node[ref.kind, node]
            _keep(on_node, key, on_node[key] - 1)
            _keep(self._of_node, (ref.kind, node), on_node)
        self._note(key)

    def _note(self, key: Ref) -> None:
        self._version += 1
        self._changes[key] = self._version
        self._changes.move_to_end(key)
        if len(self._changes) > REMEMBERED:
            _, self._floor = self._changes.popitem(last=False)
        self._wake()

    def _wake(self) -> None:
        if self._changed.statistics().tasks_waiting:
            changed, self._changed = self._changed, trio.Event()
            changed.set()


def _keep(values: dict, key: object, value: object) -> None:  # type: ignore[type-arg]
    """Store what holds something, and nothing else."""
    if value:
        values[key] = value
    else:
        values.pop(key, None)


def _key(ref: Ref, shown: ShownStatus) -> tuple[Ref, str]:
    """What a writer knows an object by, and its node."""
    if ref.kind not in _OF_SERVICES:
        return ref, ""
    labels = dict(shown.labels)
    service = Ref(ref.kind, labels.get(_NAMESPACE, ""), labels.get(_SERVICE, ""))
    return service, labels.get(_NODE, "")


def _shown(found: ShownStatus) -> ShownObject:
    decoded = msgspec.json.decode(found.status) if found.status else None
    status = decoded if isinstance(decoded, dict) else None  # a schema may allow anything
    node = dict(found.labels).get(_NODE, "")
    return ShownObject(found.name, node, found.resource_version, status, found.owner, found.uid)
