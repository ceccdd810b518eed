"""What all watches say together, and what of it was not told yet.

Pure bookkeeping.  The newest value wins: whatever happens to a resource
between two tellings is told as one change, or as none.  What has a problem
keeps its last good value.  Services that never were of type LoadBalancer are
left out, and so are their slices; slices are kept at hand all the same,
because a Service may turn out to be one later.  A peer that comes to name a
Secret without a usable password is held back while an earlier value may run a
session: the order of two edits must not cost that session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, TypeAlias

from proclaim import BGPPeer, Problem, Ref
from proclaim.model import EndpointSlice, Pool, Resource, Secret

from proclaim_k8s_source.steps import PAUSE_EVERY, Steps
from proclaim_k8s_source.watch.translate import Item, missing

_Owner: TypeAlias = tuple[str, str]
"""Namespace and name of a Service."""


class _Unknown:
    """Stands for what an earlier run may have told."""


_UNKNOWN = _Unknown()
Old: TypeAlias = "Resource | _Unknown | None"


class Untold(NamedTuple):
    """What was not told yet: the value that was told last, and the present one."""

    changes: dict[Ref, tuple[Old, Resource | None]]
    problems: tuple[Problem, ...] | None


class _SecretState(NamedTuple):
    """A Secret; its last good password stays in force."""

    password: str
    complaint: str

    def __repr__(self) -> str:
        return f"_SecretState({self.complaint!r})"


class Assembly:
    """Everything that is known."""

    def __init__(self, namespace: str, reads_secrets: bool = True) -> None:
        """`namespace` is that of the `metallb.io` resources and of the Secrets.

        Who reads no Secrets waits for none.
        """
        self._namespace = namespace
        self._reads_secrets = reads_secrets
        self._current: dict[str, dict[Ref, Resource]] = {}
        self._problems: dict[Ref, tuple[Problem, ...]] = {}
        self._changes: dict[Ref, tuple[Old, Resource | None]] = {}
        self._pools_lost: set[Ref] = set()
        self._problems_changed = False
        self._services: set[_Owner] = set()
        self._slices: dict[Ref, EndpointSlice] = {}
        self._slices_of: dict[_Owner, tuple[Ref, ...]] = {}
        self._inline: dict[str, str] = {}
        self._secrets: dict[str, _SecretState] = {}
        self._held: dict[Ref, BGPPeer] = {}
        """Peers that wait for a password, and take the place of others then."""

    # --- what comes in -------------------------------------------------------------------------

    def change(self, item: Item) -> None:
        """One object is new, different or gone."""
        match item.ref.kind:
            case "Service":
                self._service(item)
            case "EndpointSlice":
                self._slice(item)
            case "Secret":
                self._secret(item)
            case _:
                self._put(item)

    def replace(self, kind: str, pages: Iterable[Iterable[Item]]) -> Steps[None]:
        """These are all objects of a kind, so that others are gone."""
        named: set[Ref] = set()
        at = 0
        for page in pages:
            for item in page:
                named.add(item.ref)
                self.change(item)
                at += 1
                if at % PAUSE_EVERY == 0:
                    yield
        waiting = (*self._problems, *self._held)
        known = [*self._current.get(kind, ()), *(ref for ref in waiting if ref.kind == kind)]
        if kind == "EndpointSlice":
            known.extend(self._slices)
        for at, ref in enumerate(known):
            if ref not in named:
                self.change(Item(ref, gone=True))
            if at % PAUSE_EVERY == 0:
                yield

    def is_wanted(self, item: Item) -> bool:
        """Whether an object can make any difference."""
        return item.wanted or (item.ref.namespace, item.ref.name) in self._services

    def _put(self, item: Item) -> None:
        had_problem = item.ref in self._problems
        if item.problems:
            self._held.pop(item.ref, None)
            if self._problems.get(item.ref) != item.problems:
                self._problems[item.ref] = item.problems
                self._problems_changed = True
            return
        if had_problem:
            del self._problems[item.ref]
            self._problems_changed = True
        if item.ref.kind == "BGPPeer":
            self._peer(item, doubtful=had_problem)
        else:
            self._set(item.ref, item.resource, doubtful=had_problem)

    def _set(self, ref: Ref, new: Resource | None, doubtful: bool = False) -> None:
        """`doubtful` where an earlier run may have told a value that this one does not know."""
        values = self._current.setdefault(ref.kind, {})
        old: Old = values.get(ref)
        if old is None and doubtful:
            old = _UNKNOWN
        if old == new:
            return
        first = self._changes[ref][0] if ref in self._changes else old
        self._changes[ref] = (first, new)
        if isinstance(first, Pool) and new is None:
            self._pools_lost.add(ref)
        else:
            self._pools_lost.discard(ref)
        if new is None:
            values.pop(ref, None)
        else:
            values[ref] = new

    # --- Services and their slices ---------------------------------------------------------------

    def _service(self, item: Item) -> None:
        owner = (item.ref.namespace, item.ref.name)
        if item.gone:
            self._services.discard(owner)
        elif not self.is_wanted(item):
            return
        known = owner in self._services
        if not item.gone:
            self._services.add(owner)
        self._put(item)
        if item.gone or not known:
            for ref in self._slices_of.get(owner, ()):
                self._set(ref, None if item.gone else self._slices[ref])

    def _slice(self, item: Item) -> None:
        new = item.resource
        if item.problems:
            self._put(item)
            return
        known = self._slices.get(item.ref)
        if known == new and item.ref not in self._problems:
            return
        if known is not None:
            owner = (known.namespace, known.service)
            left = tuple(ref for ref in self._slices_of.get(owner, ()) if ref != item.ref)
            if left:
                self._slices_of[owner] = left
            else:
                self._slices_of.pop(owner, None)
            del self._slices[item.ref]
        told: EndpointSlice | None = None
        if isinstance(new, EndpointSlice):
            owner = (new.namespace, new.service)
            self._slices[item.ref] = new
            self._slices_of[owner] = (*self._slices_of.get(owner, ()), item.ref)
            told = new if owner in self._services else None
        self._put(Item(item.ref, gone=item.gone, resource=told))

    # --- passwords -----------------------------------------------------------------------------

    def _peer(self, item: Item, doubtful: bool) -> None:
        self._problems_changed = True  # it may name another Secret
        doubtful = self._held.pop(item.ref, None) is not None or doubtful
        new = item.resource
        if isinstance(new, BGPPeer) and self._has_to_wait(new, doubtful):
            self._held[item.ref] = new
            return
        self._inline.pop(item.ref.name, None)
        if item.password:
            self._inline[item.ref.name] = item.password
        self._set(item.ref, new, doubtful)

    def _has_to_wait(self, new: BGPPeer, doubtful: bool) -> bool:
        """Whether a session of an earlier value could be lost for want of a password."""
        if not self._reads_secrets or not self._lacks_password(new):
            return False
        before = self._current.get("BGPPeer", {}).get(new.ref)
        return not self._lacks_password(before) if isinstance(before, BGPPeer) else doubtful

    def _lacks_password(self, peer: BGPPeer) -> bool:
        state = self._secrets.get(peer.password_secret)
        return peer.password is Secret.REFERENCE and (state is None or not state.password)

    def _complaint(self, peer: BGPPeer) -> str:
        state = self._secrets.get(peer.password_secret)
        return state.complaint if state is not None else ""

    @property
    def secrets(self) -> frozenset[str]:
        """The Secrets that BGPPeers name, those in force and those that are held back."""
        peers = [*self._peers(), *self._held.values()]
        return frozenset(peer.password_secret for peer in peers if peer.password_secret)

    def passwords(self) -> dict[str, str]:
        """By the name of its BGPPeer, each password in force that is known."""
        found: dict[str, str] = {}
        for peer in self._peers():
            state = self._secrets.get(peer.password_secret)
            if peer.password is Secret.INLINE and peer.name in self._inline:
                found[peer.name] = self._inline[peer.name]
            elif peer.password is Secret.REFERENCE and state is not None and state.password:
                found[peer.name] = state.password
        return found

    @property
    def troubled(self) -> Collection[str]:
        """BGPPeers whose last good value may be one that is not known here."""
        known = self._current.get("BGPPeer", {})
        doubtful = [ref for ref in self._held if ref not in known]
        return {ref.name for ref in (*self._problems, *doubtful) if ref.kind == "BGPPeer"}

    def refuse_secret(self, name: str, complaint: str) -> None:
        """A Secret cannot be used, or not be read."""
        before = self._secrets.get(name, _SecretState("", ""))
        if before.complaint != complaint:
            self._secrets[name] = before._replace(complaint=complaint)
            self._problems_changed = True

    def forget_secret(self, name: str) -> None:
        """Nobody names it any more."""
        self._secrets.pop(name, None)

    def _secret(self, item: Item) -> None:
        name = item.ref.name
        if item.gone:
            self.refuse_secret(name, missing(name, self._namespace))
        elif item.complaint:
            self.refuse_secret(name, item.complaint)
        else:
            self._secrets[name] = _SecretState(item.password, "")
            self._problems_changed = True
            for peer in [each for each in self._held.values() if each.password_secret == name]:
                self._peer(Item(peer.ref, resource=peer), doubtful=True)

    def _peers(self) -> list[BGPPeer]:
        peers = self._current.get("BGPPeer", {}).values()
        return [peer for peer in peers if isinstance(peer, BGPPeer)]

    # --- what goes out -------------------------------------------------------------------------

    @property
    def untold(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._changes) or self._problems_changed

    @property
    def loses_pools(self) -> bool:
        """Whether a pool is gone, which has not been told yet."""
        return bool(self._pools_lost)

    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong, sorted."""
        found = [problem for several in self._problems.values() for problem in several]
        newest = [
            *self._held.values(),
            *(each for each in self._peers() if each.ref not in self._held),
        ]
        for peer in newest:
            if sentence := self._complaint(peer):
                where = "spec.passwordSecret"
                found.append(Problem(kind="BGPPeer", name=peer.name, field=where, problem=sentence))
        return tuple(sorted(found))

    def resources(self) -> list[Resource]:
        """All there is, which with this has been told.

        But a peer without its password, which `problems` names: an earlier
        run may have told a value that can do without.
        """
        self._hold_back_the_named()
        self._changes = {}
        self._pools_lost.clear()
        self._problems_changed = False
        return [value for values in self._current.values() for value in values.values()]

    def _hold_back_the_named(self) -> None:
        """What no problem names would count as gone if it were left out."""
        peers = self._current.setdefault("BGPPeer", {})
        for peer in self._peers():
            if self._lacks_password(peer) and self._complaint(peer):
                self._held[peer.ref] = peer
                del peers[peer.ref]
        for ref, peer in list(self._held.items()):
            if ref not in peers and not self._complaint(peer):
                peers[ref] = self._held.pop(ref)

    def take(self) -> Untold:
        """What was not told yet, which with this has been told."""
        problems = self.problems() if self._problems_changed else None
        changes, self._changes = self._changes, {}
        self._pools_lost.clear()
        self._problems_changed = False
        return Untold(changes, problems)
