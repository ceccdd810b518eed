"""What must never happen, whatever fails: watched at every change of the server.

1. A Service whose status showed an address keeps exactly that until somebody
   does one of these, each of which permits one loss:
   - its type, its class, its families, or the addresses or the pool that it
     asks for are changed; deleting it ends the matter;
   - what sharing depends on (key, ports, traffic policy, selector) is changed,
     its own or that of a Service with the same address;
   - a pool is changed or deleted so that none has all its addresses any more,
     which may have been just before it was given them;
   - somebody who is not of Proclaim writes its status, or writes one of its
     addresses into that of another Service.
2. No status is given an address that another one of our class shows, unless the
   two may share it by what both said last; whose terms a user has changed since is on
   the way to leave it.  And none is given what its user did not ask for by
   then: a write names the version of the Service that it is for.
3. A node announces only what a status showed, or an agreed annotation named, a
   short while ago, and it withdraws nothing of which nothing was changed.
4. At most one controller leads at any time, and nobody writes a status of a
   Service but while leading.

How long "a short while" is depends on what goes wrong in the run: how late a
node may learn of a change.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import inf

import trio
from apiserver.store import Event
from proclaim import Spread

from sim.kubernetes.cluster import ROGUE, USER, Cluster, SimProcess, Watched
from sim.kubernetes.services import Json, Name, Pool, Seen, may_share, read, read_pool

_OUTSIDERS = (USER, ROGUE)
_EVERYWHERE = ("L2Advertisement", "BGPAdvertisement", "BGPPeer", "Community", "Namespace")


class Laws:
    """The onlooker; `broken` holds what was done against the laws."""

    def __init__(self, cluster: Cluster, lag: float) -> None:
        """`lag` is how late a node may learn of a change, in seconds."""
        self.broken: list[str] = []
        self.lag = lag
        self.changes = 0
        """How often users and rogues changed something."""
        self.services: dict[Name, Seen] = {}
        self.pools: dict[str, Pool] = {}
        self.permits: Counter[Name] = Counter()
        """How many losses of each Service are permitted."""
        self._cluster = cluster
        self._terms_changed: set[Name] = set()
        self._shown_until: dict[str, float] = {}
        self._shown_since: dict[tuple[Name, str], float] = {}
        self._touched: defaultdict[object, float] = defaultdict(lambda: -inf)
        """When a Service, a node or (as None) something that concerns all was last changed."""
        self._watch("v1", "Service", self._service)
        self._watch("metallb.io/v1beta1", "IPAddressPool", self._pool)
        self._watch("discovery.k8s.io/v1", "EndpointSlice", self._slice)
        self._watch("v1", "Node", self._node)
        for kind in _EVERYWHERE:
            group = "v1" if kind == "Namespace" else "metallb.io/v1beta1"
            self._watch(group, kind, self._anything)
        cluster.displayed = self._displayed

    @property
    def ours(self) -> list[Seen]:
        """The Services but those of another class, which are another allocator's."""
        return [each for each in self.services.values() if not each.wish.kind]

    def end_permits(self) -> None:
        """All has settled: from here on nothing may move."""
        self.permits.clear()
        self._terms_changed.clear()

    def _watch(self, api_version: str, kind: str, listener) -> None:
        store, machinery = self._cluster.server.machinery.store, self._cluster.server.machinery
        table = store.table(machinery.find_kind(api_version, kind).kind)
        table.listeners[-1] = self._counted(listener)
        for entry in list(table.entries.values()):
            listener(Event("ADDED", entry, None))

    def _counted(self, listener):
        def heard(event: Event) -> None:
            self.changes += self._cluster.actor in _OUTSIDERS
            listener(event)
            self._check_leaders()

        return heard

    def _break(self, text: str) -> None:
        self.broken.append(f"at {trio.current_time():.3f}: {text}")

    # --- Services ------------------------------------------------------------------------------

    def _service(self, event: Event) -> None:
        after = read(event.entry.value)
        name, before = after.name, self.services.get(after.name)
        gone = event.type == "DELETED"
        if gone:
            self.services.pop(name, None)
        else:
            self.services[name] = after
        now_shown = () if gone else after.stands_for
        self._note_shown(name, before.stands_for if before else (), now_shown)
        if gone:
            self._touch(name)
            self.permits.pop(name, None)
        elif self._cluster.actor in _OUTSIDERS:
            self._changed_outside(before, after)
        elif before is not None:
            self._changed_inside(before, after)

    def _note_shown(self, name: Name, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        now = trio.current_time()
        for text in before:
            if text not in after:
                self._shown_until[text] = now
                self._shown_since.pop((name, text), None)
        for text in after:
            self._shown_since.setdefault((name, text), now)

    def _changed_outside(self, before: Seen | None, after: Seen) -> None:
        self._touch(after.name)
        if before is None or before.uid != after.uid:
            self.permits.pop(after.name, None)
            self._terms_changed.discard(after.name)
            before = None
        if before is not None and before.wish != after.wish:
            self.permits[after.name] += 1
        if before is not None and before.terms != after.terms:
            self._terms_changed.add(after.name)
            for each in {after.name, *self._sharing(before), *self._sharing(after)}:
                self.permits[each] += 1
        if after.shown != (before.shown if before else ()):
            self._terms_changed.add(after.name)
            for each in {after.name, *self._sharing(after)}:
                self.permits[each] += 1
                self._touch(each)

    def _changed_inside(self, before: Seen, after: Seen) -> None:
        name, actor = after.name, self._cluster.actor
        if (before.wish, before.terms) != (after.wish, after.terms):
            self._break(f"{actor} changed what the user said of {name}")
        lost = [text for text in before.stands_for if text not in after.stands_for]
        if lost and not self.permits[name]:
            self._break(f"{actor} took {lost} from {name}, which has {after.stands_for} now")
        elif lost:
            self.permits[name] -= 1
        for text in after.shown:
            if text not in before.shown:
                self._check_given(text, after)
        if after.shown != before.shown and after.shown:
            self._check_wanted(after)
            self.permits[name] += not self.owner(after.shown)
        self._check_writer(name)

    def _check_given(self, text: str, to: Seen) -> None:
        for other in self.ours:
            if other.name == to.name or text not in other.shown or may_share(to, other):
                continue
            if not self._terms_changed & {to.name, other.name}:
                self._break(f"{self._cluster.actor} gave {text} of {other.name} to {to.name}")

    def _check_wanted(self, to: Seen) -> None:
        wish, owner = to.wish, self.owner(to.shown)
        asked = not wish.addresses or sorted(wish.addresses) == sorted(to.shown)
        if not to.ours or not asked or (wish.pool and owner and wish.pool != owner):
            self._break(f"{self._cluster.actor} gave {to.shown} of {owner} to {to.name}: {wish}")

    def _check_writer(self, name: Name) -> None:
        actor = self._cluster.actor
        writer = self._cluster.processes.get(actor)
        if isinstance(writer, SimProcess) and not trio.current_time() <= writer.leads_until():
            self._break(f"{actor} wrote {name} and led only until {writer.leads_until():.3f}")

    def _check_leaders(self) -> None:
        now = trio.current_time()
        leaders = [each.name for each in self._cluster.controllers if now < each.leads_until()]
        if len(leaders) > 1:
            self._break(f"{' and '.join(leaders)} lead at once")

    def _sharing(self, one: Seen) -> list[Name]:
        """Who shows an address of a Service, itself too."""
        mine = set(one.shown)
        return [each.name for each in self.services.values() if mine & set(each.shown)]

    # --- what else matters ---------------------------------------------------------------------

    def _pool(self, event: Event) -> None:
        pool = read_pool(event.entry.value)
        before = self.pools.pop(pool.name, None)
        if event.type != "DELETED":
            self.pools[pool.name] = pool
        if self._cluster.actor not in _OUTSIDERS or before == self.pools.get(pool.name):
            return
        concerned = pool.addresses | (before.addresses if before else frozenset())
        for each in self.services.values():
            if not concerned.isdisjoint(each.stands_for):
                self._touch(each.name)
            if each.shown and not self.owner(each.shown):
                self.permits[each.name] += 1

    def owner(self, addresses: tuple[str, ...]) -> str:
        """The pool that has all of some addresses; empty when none has."""
        for pool in self.pools.values():
            if pool.addresses.issuperset(addresses):
                return pool.name
        return ""

    def _slice(self, event: Event) -> None:
        metadata = event.entry.metadata
        owner: Json = metadata.get("labels") or {}
        self._touch((metadata["namespace"], owner.get("kubernetes.io/service-name", "")))

    def _node(self, event: Event) -> None:
        self._touch(event.entry.metadata["name"])

    def _anything(self, event: Event) -> None:
        self._touch(None)

    def _touch(self, what: object) -> None:
        self._touched[what] = trio.current_time()

    # --- what nodes announce -------------------------------------------------------------------

    def _displayed(self, display: Watched, process: SimProcess, before: frozenset[str]) -> None:
        for prefix in sorted(display.prefixes - before):
            self._check_announced(process, prefix.partition("/")[0])
        if process.alive and not process.leaving:
            for prefix in sorted(before - display.prefixes):
                self._check_withdrawn(display, process, prefix.partition("/")[0])

    def _check_announced(self, process: SimProcess, text: str) -> None:
        shown_now = any(text in each.stands_for for each in self.services.values())
        until = self._shown_until.get(text, -inf)
        if not shown_now and until < trio.current_time() - self.lag:
            self._break(f"{process.name} announces {text}, which no status shows since {until:.1f}")

    def _check_withdrawn(self, display: Watched, process: SimProcess, text: str) -> None:
        """Why it is right to announce an address no more: somebody changed something."""
        then = trio.current_time() - self.lag
        for each in self.services.values():
            since = self._shown_since.get((each.name, text), inf)
            if since > then:
                continue
            reasons: list[object] = [each.name, process.name, None]
            if display.spread is Spread.ONE_NODE:  # who answers depends on all nodes and sharers
                reasons += [node.name for node in self._cluster.nodes]
                reasons += self._sharing(each)
            if not any(self._touched[what] > then for what in reasons):
                self._break(f"{process.name} withdrew {text} of {each.name} ({display.name})")
