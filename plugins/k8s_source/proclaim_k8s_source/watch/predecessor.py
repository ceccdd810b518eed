"""MetalLB in the same namespace: waiting until it is gone, and saying so where people look.

What this process remembers stays true meanwhile, so nothing of it is taken
back: its node is withdrawn, under a source name of its own, while somebody
else announces.  As the ledger keeps that, a process that starts again is
silent until the API server has said that MetalLB is gone.
"""

from __future__ import annotations

import logging

import trio
from proclaim import Host, Listing, NodeWithdrawal, Observe, Problem, Sourced

from proclaim_k8s_source.access.api import Api, Refused, Unreachable
from proclaim_k8s_source.watch.beside import Beside, hint, look_beside
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.reflector import FIRST_PAUSE_SECONDS, LONGEST_AWAY_SECONDS

log = logging.getLogger("proclaim.kubernetes")

SOURCE = "kubernetes/metallb"
WAIT_SECONDS = 1.0
WAIT_ON_A_NODE_SECONDS = 3.0
LOOK_SECONDS = 30.0
LOOK_ON_A_NODE_SECONDS = 300.0
"""There are many nodes, and one controller says it as well."""
_FORBIDDEN = 403
_FORBIDDEN_TIMES = 4
"""A server that is starting forbids everything for some seconds, so once is not enough."""
_JITTER = (2 / 3, 4 / 3)


class Predecessor:
    """MetalLB, as far as one process has to wait for it or to speak of it."""

    def __init__(self, api: Api, host: Host, scope: Scope) -> None:
        self._api = api
        self._host = host
        self._scope = scope

    async def make_way(self, observe: Observe) -> None:
        """Return when this process may begin: MetalLB is gone, is allowed, or cannot be seen."""
        if not self._scope.beside_metallb:
            await self._wait(observe)
        await observe(Listing(SOURCE))

    async def keep_looking(self, observe: Observe) -> None:
        """Say once that MetalLB has appeared, and once that it has gone; until cancelled."""
        appeared = False
        pause = LOOK_SECONDS if self._scope.allocates else LOOK_ON_A_NODE_SECONDS
        while True:
            await trio.sleep(pause * self._jitter())
            try:
                found = await look_beside(self._api, self._scope.namespace)
            except (Refused, Unreachable):
                continue
            if found and not appeared:
                self._log(found)
                await observe(Listing(SOURCE, problems=(self._problem(found.sentence),)))
            elif appeared and not found:
                self._log_gone()
                await observe(Listing(SOURCE))
            appeared = found is not None

    async def _wait(self, observe: Observe) -> None:
        before: Beside | None = None
        pause = WAIT_SECONDS if self._scope.allocates else WAIT_ON_A_NODE_SECONDS
        while found := await self._found(before):
            if before is None:
                self._log(found)
            if before is None or before.announces != found.announces:
                await observe(self._waiting(found))
            before = found
            await trio.sleep(pause * self._jitter())
        if before is not None:
            self._log_gone()

    async def _found(self, before: Beside | None) -> Beside | None:
        """What runs, when it is known; None also when nobody may ask, unless some ran `before`."""
        pause, said, forbidden = FIRST_PAUSE_SECONDS, False, 0
        while True:
            try:
                found = await look_beside(self._api, self._scope.namespace)
                break
            except Refused as error:
                forbidden = forbidden + 1 if error.status == _FORBIDDEN else 0
                if forbidden == _FORBIDDEN_TIMES:
                    log.warning("whether MetalLB runs as well cannot be seen: %s", error)
                    if before is None:
                        return None
                failure: Exception = error
            except Unreachable as error:
                failure = error
            if not said and not forbidden and pause > FIRST_PAUSE_SECONDS:
                said = True
                log.error("the API server gives no answer: %s; trying on", failure)
            with trio.move_on_after(pause * self._jitter()):
                await self._api.contact.wait_restored()
            pause = min(2 * pause, LONGEST_AWAY_SECONDS)
        if said:
            log.info("the API server answers again")
        return found

    def _waiting(self, found: Beside) -> Listing:
        """What the ledger is told; beside nothing but a controller nobody else announces."""
        node, why = self._scope.node, found.sentence
        if self._scope.announces and found.announces:
            withdrawal = Sourced(NodeWithdrawal(node, why))
            problem = self._problem(f"{why}; this node announces nothing until it is gone")
            return Listing(SOURCE, (withdrawal,), problems=(problem,))
        waits = self._problem(f"{why}; this process waits until it is gone")
        return Listing(SOURCE, problems=(waits,))

    def _problem(self, sentence: str) -> Problem:
        return Problem(kind="Node", name=self._scope.node, problem=sentence)

    def _log(self, found: Beside) -> None:
        log.error("%s; %s", found.sentence, hint(self._scope.namespace))

    def _log_gone(self) -> None:
        log.info("MetalLB does not run in the namespace %s any more", self._scope.namespace)

    def _jitter(self) -> float:
        return self._host.random.uniform(*_JITTER)
