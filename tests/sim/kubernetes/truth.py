"""What must be so in the end: when nothing fails any more and users rest.

`wrong` lists what is not so yet.  What nodes should announce is projected
afresh from a state that a newcomer reads from the server; all else is worked
out here from what the server shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import trio
from apiserver.server import ApiServer
from k8s_source.scene import NAMESPACE, Host
from proclaim import Ref, Spread
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.engine import Cast, run
from proclaim.ledger import Ledger
from proclaim.log import MemoryLog
from proclaim.model import Authority, Authorized
from proclaim.project import Projection, project
from proclaim.state import State
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.source import KubernetesSource

from sim.kubernetes.cluster import NODES, Cluster, SimProcess
from sim.kubernetes.laws import Laws
from sim.kubernetes.services import Pool, Seen, may_share
from sim.kubernetes.user import UNKNOWN

KINDS_OF = {Spread.ONE_NODE: "ServiceL2Status", Spread.EVERY_NODE: "ServiceBGPStatus"}


async def look(server: ApiServer) -> State:
    """What a newcomer knows who follows and has just read everything."""
    host = Host("onlooker", 0)
    ledger = Ledger(MemoryLog("onlooker"), Codec(KINDS), host)
    await ledger.replay()
    source = KubernetesSource(server.connect(), host, Scope(NAMESPACE, allocates=False))

    async def listed() -> None:
        async for state in ledger.state.changes():
            if source.name in state.listed:
                return

    await run(ledger, Cast((source,), ()), host, Authorized(Authority.FOLLOW), listed)
    del server.connections[-1]
    return ledger.state.value


async def wrong(cluster: Cluster, laws: Laws) -> list[str]:
    """What is not as it must be."""
    leaders = [each for each in cluster.controllers if each.state.authority is Authority.ALLOCATE]
    if len(leaders) != 1 or trio.current_time() >= leaders[0].leads_until():
        return [f"leaders: {[each.name for each in leaders]}"]
    found = [
        *_statuses(laws, leaders[0]),
        *_wishes(laws),
        *_pools(cluster, laws),
        *_configuration(cluster),
    ]
    if found:
        return found
    truth = await look(cluster.server)
    return [*_holdings(cluster, laws), *_announcements(cluster, truth)]


def _statuses(laws: Laws, leader: SimProcess) -> Iterator[str]:
    """Every status says what the leader holds."""
    for each in laws.services.values():
        if each.wish.kind:
            continue
        holding = leader.state.holdings.get(_ref(each))
        held = holding.addresses if holding else ()
        pool = holding.pool if holding else ""
        if sorted(each.shown) != sorted(held) or each.pool != pool:
            yield f"{each.name} shows {each.shown} of {each.pool}; {held} of {pool} is held"
        if each.agreed:
            yield f"{each.name} still has an agreement"


def _holdings(cluster: Cluster, laws: Laws) -> Iterator[str]:
    """Everybody knows the same."""
    wanted = {_ref(each): tuple(sorted(each.shown)) for each in laws.services.values() if each.ours}
    wanted = {ref: shown for ref, shown in wanted.items() if shown}
    for process in cluster.everyone:
        held = {ref: tuple(sorted(one.addresses)) for ref, one in process.state.holdings.items()}
        if held != wanted:
            yield f"{process.name} holds {held}, not {wanted}"


# --- who should have what ----------------------------------------------------------------------


def _wishes(laws: Laws) -> Iterator[str]:
    """Who can have an address has one, and it is what was asked for."""
    for each in laws.services.values():
        if each.ours:
            yield from _wish(laws, each)
        elif each.shown and not each.wish.kind:
            yield f"{each.name} shall have no address, and has {each.shown}"


def _wish(laws: Laws, each: Seen) -> Iterator[str]:
    wish = each.wish
    for other in laws.ours:
        both = set(each.shown) & set(other.shown)
        if other.name < each.name and both and not may_share(each, other):
            yield f"{each.name} and {other.name} may not share {sorted(both)}"
    if not each.shown:
        if found := _possible(laws, each):
            yield f"{each.name} has no address, and could have {found}"
        return
    if wish.addresses and sorted(wish.addresses) != sorted(each.shown):
        yield f"{each.name} has {each.shown} and asks for {wish.addresses}"
    owner = laws.owner(each.shown)
    if not owner or (wish.pool and wish.pool != owner):
        yield f"{each.name} has {each.shown} of {owner or 'no pool'}, and asks for {wish.pool}"
        return
    families = sorted(_family(text) for text in each.shown)
    complete = families == sorted(wish.families)
    if not complete and (wish.policy != "PreferDualStack" or len(families) != 1):
        yield f"{each.name} has {each.shown} and needs families {wish.families}"
    elif not complete and not wish.addresses:
        lacks = [family for family in wish.families if family not in families]
        if free := [one for one in _free(laws, laws.pools[owner], each) if _family(one) in lacks]:
            yield f"{each.name} has {each.shown} and could have {free[0]} as well"


def _possible(laws: Laws, each: Seen) -> tuple[str, ...]:
    """Some addresses that a Service could have; none when there are none."""
    wish = each.wish
    if wish.policy == "RequireDualStack" and len(wish.families) < 2:
        return ()
    for pool in laws.pools.values():
        if wish.pool and wish.pool != pool.name:
            continue
        free = _free(laws, pool, each)
        if wish.addresses:
            fits = sorted(map(_family, wish.addresses)) == sorted(wish.families)
            if fits and set(wish.addresses) <= set(free):
                return wish.addresses
            continue
        if not (pool.automatic or wish.pool):
            continue
        first = {family: [one for one in free if _family(one) == family] for family in (4, 6)}
        had = [first[family][0] for family in wish.families if first[family]]
        if len(had) == len(wish.families) or (had and wish.policy == "PreferDualStack"):
            return tuple(had)
    return ()


def _free(laws: Laws, pool: Pool, each: Seen) -> list[str]:
    taken = {
        text
        for other in laws.ours
        if other.name != each.name and not may_share(each, other)
        for text in other.shown
    }
    return sorted(pool.addresses - taken)


def _family(text: str) -> int:
    return 6 if ":" in text else 4


# --- what is told ------------------------------------------------------------------------------


def _pools(cluster: Cluster, laws: Laws) -> Iterator[str]:
    """The counters of every pool are right."""
    held = {text for each in laws.services.values() if not each.wish.kind for text in each.shown}
    for pool in laws.pools.values():
        wanted = {}
        for family in (4, 6):
            mine = {text for text in pool.addresses if _family(text) == family}
            wanted[f"assignedIPv{family}"] = len(mine & held)
            wanted[f"availableIPv{family}"] = len(mine - held)
        shown = (cluster.server.get("IPAddressPool", pool.name) or {}).get("status")
        if shown != wanted:
            yield f"pool {pool.name} says {shown}, not {wanted}"


def _configuration(cluster: Cluster) -> Iterator[str]:
    """An alias that nobody defines is the only thing that can be wrong here."""
    server = cluster.server
    used = [each["spec"].get("communities", ()) for each in server.list("BGPAdvertisement")]
    invalid = any(UNKNOWN in each for each in used)
    wanted = {f"speaker-{name}": "Invalid" if invalid else "Valid" for name in NODES}
    wanted["controller"] = "Valid"
    shown = {
        each["metadata"]["name"]: each.get("status", {}).get("result")
        for each in server.list("ConfigurationState")
    }
    if shown != wanted:
        yield f"the ConfigurationStates are {shown}, not {wanted}"


def _announcements(cluster: Cluster, truth: State) -> Iterator[str]:
    """Every node announces what the server demands, and says so there."""
    told = {
        (
            each["kind"],
            each["status"]["node"],
            (each["status"]["serviceNamespace"], each["status"]["serviceName"]),
        )
        for kind in KINDS_OF.values()
        for each in cluster.server.list(kind)
        if each.get("status")
    }
    wanted = set()
    for node in cluster.nodes:
        for display in (node.routes, node.answers):
            projection: Projection = project(truth, node.name, display.spread)
            prefixes = {each.prefix for each in projection.announcements.values()}
            if prefixes != display.prefixes:
                announced = sorted(display.prefixes)
                yield f"{node.name} announces {announced} ({display.name}), not {sorted(prefixes)}"
            kind = KINDS_OF[display.spread]
            wanted |= {(kind, node.name, (ref.namespace, ref.name)) for ref in projection.parts}
    if told != wanted:
        yield f"told are {sorted(told - wanted)} too many, {sorted(wanted - told)} too few"


def _ref(each: Seen) -> Ref:
    namespace, name = each.name
    return Ref("Service", namespace, name)
