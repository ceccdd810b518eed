"""The rules between resources again, as plain as can be: every pair, every node, no index."""

from itertools import combinations

from proclaim.addresses import shortest_block
from proclaim.contradictions import CONTESTED
from proclaim.encounters import session_of
from proclaim.model import BGPAdvertisement, BGPPeer, Community, Pool, any_matches, selects_pool
from proclaim.state import ranges


def in_force(state):
    """What can contradict each other, by name."""
    return {ref: entry.resource for kind in CONTESTED for ref, entry in state.of_kind(kind).items()}


def at_odds(values):
    """The pairs that contradict each other whatever the nodes are."""
    for one, other in combinations(sorted(values), 2):
        if any(_odd(values[a], values[b]) for a, b in ((one, other), (other, one))):
            yield one, other


def _odd(one, other):
    match one, other:
        case Pool(), Pool():
            return any(mine.overlaps(theirs) for mine in ranges(one) for theirs in ranges(other))
        case Community(), Community():
            return not dict(one.communities).keys().isdisjoint(dict(other.communities))
        case BGPAdvertisement(), Pool():
            lengths = {4: one.aggregation_length, 6: one.aggregation_length_v6}
            return selects_pool(one, other) and any(
                lengths[span.family] < shortest_block(span) for span in ranges(other)
            )
    return False


def quarrels(values, nodes):
    """What quarrels on some node: two peers, or two advertisements about a pool."""
    for one, other in combinations(sorted(values), 2):
        match values[one], values[other]:
            case BGPPeer() as a, BGPPeer() as b if session_of(a) == session_of(b) and meet(
                a, b, nodes
            ):
                yield one, other, None
            case BGPAdvertisement() as a, BGPAdvertisement() as b if _differ(a, b) and meet(
                a, b, nodes
            ):
                for ref, pool in values.items():
                    if isinstance(pool, Pool) and announce_alike(a, b, pool):
                        yield one, other, ref


def meet(one, other, nodes):
    return not nodes or any(
        any_matches(one.node_selectors, node.labels)
        and any_matches(other.node_selectors, node.labels)
        for node in nodes
    )


def _differ(one, other):
    return (
        not one.service_selectors
        and not other.service_selectors
        and one.local_pref != other.local_pref
        and (not one.peers or not other.peers or bool({*one.peers} & {*other.peers}))
    )


def announce_alike(one, other, pool):
    """Whether two advertisements make the same prefixes of a pool, in one family at least."""
    families = {span.family for span in ranges(pool)}
    return (
        selects_pool(one, pool)
        and selects_pool(other, pool)
        and (
            (4 in families and one.aggregation_length == other.aggregation_length)
            or (6 in families and one.aggregation_length_v6 == other.aggregation_length_v6)
        )
    )
