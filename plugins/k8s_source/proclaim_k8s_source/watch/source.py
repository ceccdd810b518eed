"""The source `kubernetes`: says what an API server says, whatever happens on the way.

All resources are listed before anything is told, so that nothing counts as
gone because one list was late; from then on each telling holds what changed
while the one before was recorded.  Passwords go to the host before the peers
that need them are observed, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from math import inf
from typing import Protocol

import trio
from proclaim import (
    Change,
    Host,
    Listing,
    Observe,
    Passwords,
    Problem,
    Ref,
    Sourced,
)
from proclaim.model import Resource

from proclaim_k8s_source.access.api import Api
from proclaim_k8s_source.steps import PAUSE_EVERY, Steps
from proclaim_k8s_source.watch.assembly import Assembly, Untold
from proclaim_k8s_source.watch.driver import Driver
from proclaim_k8s_source.watch.kinds import Scope, Watched, secret, watched
from proclaim_k8s_source.watch.pace import paced
from proclaim_k8s_source.watch.patience import GONE_AFTER_SECONDS, Patience
from proclaim_k8s_source.watch.predecessor import Predecessor
from proclaim_k8s_source.watch.seen import Seen
from proclaim_k8s_source.watch.signals import Trouble
from proclaim_k8s_source.watch.translate import Item
from proclaim_k8s_source.watch.troubles import Troubles

log = logging.getLogger("proclaim.kubernetes")

NAME = "kubernetes"
_LOGGED_PROBLEMS = 20
_JITTER = (2 / 3, 4 / 3)


class KubernetesSource:
    """Watches a cluster."""

    name = NAME

    def __init__(self, api: Api, host: Host, scope: Scope) -> None:
        self.seen = Seen()
        self._api = api
        self._host = host
        self._scope = scope
        self._passwords = Passwords(host.secrets)
        self._predecessor = Predecessor(api, host, scope)

    async def run(self, observe: Observe) -> None:
        """Observe a listing, then what changes, until cancelled.

        Where MetalLB runs as well and may not, nothing is listed before it is gone.
        """
        await self._predecessor.make_way(observe)
        assembly = Assembly(self._scope.namespace, reads_secrets=self._scope.announces)
        self.seen.begin()
        async with trio.open_nursery() as nursery:
            following = _Following(assembly, self.seen, nursery, self._driver, self._scope)
            following.begin(watched(self._scope))
            if not self._scope.beside_metallb:
                nursery.start_soon(self._predecessor.keep_looking, observe)
            await self._tell(observe, assembly, following)

    def _driver(self, each: Watched, following: _Following) -> Driver:
        return Driver(self._api, each, following, self._scope.page_size, self._jitter)

    def _jitter(self) -> float:
        return self._host.random.uniform(*_JITTER)

    # --- telling -------------------------------------------------------------------------------

    async def _tell(self, observe: Observe, assembly: Assembly, following: _Following) -> None:
        await following.complete.wait()
        problems, found = assembly.problems(), assembly.resources()
        self._hand_over_passwords(assembly)
        _log_new(problems, ())
        resources = await paced(_sourced(found))
        await observe(Listing(NAME, resources, problems=problems))
        patience = Patience() if self._scope.patient else None
        while True:
            with trio.move_on_at(patience.deadline() if patience else inf):
                await following.wait_untold()
            if patience is None and assembly.loses_pools:
                # Who replaces a pool deletes it first.  What comes meanwhile is held back with it,
                # or it would be given addresses of a pool that is gone.
                with trio.move_on_after(GONE_AFTER_SECONDS):
                    await following.wait_for_pools()
            self._hand_over_passwords(assembly)
            untold = assembly.take()
            if patience is not None:
                sifted = patience.sift(untold.changes, trio.current_time())
                untold = untold._replace(changes=sifted)
            said, gone = await paced(_differences(untold))
            now = untold.problems
            if now == problems:
                now = None
            if now is not None:
                _log_new(now, problems)
                problems = now
            if said or gone or now is not None:
                await observe(Change(NAME, said, gone, now))

    def _hand_over_passwords(self, assembly: Assembly) -> None:
        """Tell the host; a peer whose last good value stays in force keeps its password too."""
        found = assembly.passwords()
        kept = {
            name: text
            for name, text in self._passwords.given.items()
            if name not in found and name in assembly.troubled
        }
        self._passwords.give({**kept, **found})


class _MakeDriver(Protocol):
    def __call__(self, each: Watched, following: _Following) -> Driver: ...


class _Following:
    """What one run of the source hears from its watches."""

    def __init__(
        self,
        assembly: Assembly,
        seen: Seen,
        nursery: trio.Nursery,
        driver: _MakeDriver,
        scope: Scope,
    ) -> None:
        self.complete = trio.Event()
        """Set when everything that is observed has been listed."""
        self._assembly = assembly
        self._seen = seen
        self._nursery = nursery
        self._driver = driver
        self._scope = scope
        self._missing: set[str] = set()
        self._secrets: dict[str, trio.CancelScope] = {}
        self._troubles = Troubles()
        self._news = trio.Event()

    def begin(self, all_of_them: Iterable[Watched]) -> None:
        """Watch these."""
        for each in all_of_them:
            if each.observed:
                self._missing.add(str(each))
            self._nursery.start_soon(self._driver(each, self).run, name=f"watch {each}")

    async def wait_untold(self) -> None:
        """Wait until there is something to tell."""
        while not self._assembly.untold:
            self._news = trio.Event()
            await self._news.wait()
        await trio.lowlevel.checkpoint()

    async def wait_for_pools(self) -> None:
        """Wait until no pool is gone that was told."""
        while self._assembly.loses_pools:
            self._news = trio.Event()
            await self._news.wait()

    # --- as a Follower -------------------------------------------------------------------------

    def is_wanted(self, item: Item) -> bool:
        return self._assembly.is_wanted(item)

    def changed(self, watched: Watched, item: Item) -> None:
        if not self._assembly.is_wanted(item):
            return
        self._seen.change(item)
        if watched.observed:
            self._assembly.change(item)
            self._noticed(watched)

    async def completed(self, watched: Watched, pages: tuple[tuple[Item, ...], ...]) -> None:
        await paced(self._seeing(watched.kind, pages))
        if watched.name and not any(pages):
            pages = ((Item(Ref("Secret", "", watched.name), gone=True),),)
        if watched.observed:
            await paced(self._assembly.replace(watched.kind, pages))
            self._noticed(watched)
            self._listed(watched)

    def troubled(self, watched: Watched, trouble: Trouble) -> None:
        self._troubles.begin(watched, trouble)
        if str(watched) in self._missing and watched.kind == "Secret":
            # One Secret that may not be read is no reason to know nothing at all.
            complaint = f"names the Secret {watched.name}, which cannot be read: {trouble.reason}"
            self._assembly.refuse_secret(watched.name, complaint)
            self._noticed(watched)
            self._listed(watched)

    def recovered(self, watched: Watched) -> None:
        self._troubles.end(watched)

    # -------------------------------------------------------------------------------------------

    def _seeing(self, kind: str, pages: tuple[tuple[Item, ...], ...]) -> Steps[None]:
        named: set[Ref] = set()
        for page in pages:
            for at, item in enumerate(page):
                named.add(item.ref)
                self._seen.change(item)
                if at % PAUSE_EVERY == 0:
                    yield
        for at, ref in enumerate(self._seen.refs(kind)):
            if ref not in named:
                self._seen.change(Item(ref, gone=True))
            if at % PAUSE_EVERY == 0:
                yield
        self._seen.complete(kind)

    def _listed(self, watched: Watched) -> None:
        self._missing.discard(str(watched))
        if not self._missing:
            self.complete.set()

    def _noticed(self, watched: Watched) -> None:
        if watched.kind in ("BGPPeer", "Secret") and self._scope.announces:
            # With the password of a peer that waited, the Secret before may be of no use any more.
            self._follow_secrets()
        if self._assembly.untold:
            self._news.set()

    def _follow_secrets(self) -> None:
        """Watch the Secrets that the peers name, and no others."""
        named = self._assembly.secrets
        for name in sorted(self._secrets.keys() - named):
            self._secrets.pop(name).cancel()
            self._assembly.forget_secret(name)
            each = secret(self._scope.namespace, name)
            self._troubles.end(each)
            self._listed(each)
        for name in sorted(named - self._secrets.keys()):
            scope = self._secrets[name] = trio.CancelScope()
            self._missing.add(str(secret(self._scope.namespace, name)))
            self._nursery.start_soon(self._watch_secret, name, scope, name=f"watch secret {name}")

    async def _watch_secret(self, name: str, scope: trio.CancelScope) -> None:
        with scope:
            await self._driver(secret(self._scope.namespace, name), self).run()


def _sourced(resources: list[Resource]) -> Steps[tuple[Sourced, ...]]:
    found: list[Sourced] = []
    for at, resource in enumerate(resources):
        found.append(Sourced(resource))
        if at % (8 * PAUSE_EVERY) == 0:
            yield
    return tuple(found)


def _differences(untold: Untold) -> Steps[tuple[tuple[Sourced, ...], tuple[Ref, ...]]]:
    """What is new or different and what is gone; what changed back is neither."""
    said: list[Sourced] = []
    gone: list[Ref] = []
    for at, (ref, (old, new)) in enumerate(untold.changes.items()):
        if at % (8 * PAUSE_EVERY) == 0:
            yield
        if new is not None and old != new:
            said.append(Sourced(new))
        elif new is None and old is not None:
            gone.append(ref)
    return tuple(said), tuple(gone)


def _log_new(now: tuple[Problem, ...], before: tuple[Problem, ...]) -> None:
    new = sorted(frozenset(now) - frozenset(before))
    for problem in new[:_LOGGED_PROBLEMS]:
        log.error("%s", problem)
    if len(new) > _LOGGED_PROBLEMS:
        log.error("and %d problems more", len(new) - _LOGGED_PROBLEMS)
