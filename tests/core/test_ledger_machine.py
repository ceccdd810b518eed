"""Every law of the decisions at once, over whatever can happen to a ledger."""

from itertools import combinations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from proclaim import checkpoint
from proclaim.addresses import parse_address
from proclaim.allocation import no_business
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.contradictions import CONTESTED
from proclaim.events import AddressAssigned, Why
from proclaim.fold import fold, number
from proclaim.model import Authority, Authorized, Change, Listing, Ref
from proclaim.sharing import objection
from proclaim.state import State, addresses_of
from proclaim.testing import differences, lawful

from core import rules, worlds

CODEC = Codec(KINDS)
OLD = (Why.ADOPTED, Why.POOL_RENAMED)
"""Why a Service may hold an address of a pool that gives nothing new."""


class Ledger(RuleBasedStateMachine):
    """A ledger, the state that it leads to, and crashes between any two transactions."""

    def __init__(self):
        super().__init__()
        self.state = State()
        self.transactions = []

    def observe(self, observation):
        before = self.state
        decided = lawful(before, observation)
        if decided.facts:
            self.transactions.append(number(before, decided.facts, 0.0))
        self.state = decided.state
        self.nobody_moved_without_a_cause(before)
        for fact in decided.decisions:
            if isinstance(fact, AddressAssigned) and fact.reason.code not in OLD:
                self.nothing_new_from_a_pool_that_is_closed_or_used_up(before, fact)
        self.what_came_into_force_agrees(before)

    # --- what happens ---

    @initialize(authority=worlds.authorities, services=st.lists(worlds.plain_services, max_size=4))
    def begin(self, authority, services):
        self.observe(authority)
        started = [worlds.Sourced(resource, "c.yaml") for resource in (worlds.BOTH, *services)]
        self.observe(Change("files", tuple(started)))

    @rule(listing=worlds.listings)
    def a_source_lists(self, listing):
        self.observe(listing)

    @rule(change=worlds.changes)
    def a_source_says_what_changed(self, change):
        self.observe(change)

    @rule(resources=st.lists(worlds.services, min_size=1, max_size=3), source=worlds.sources)
    def services_change(self, resources, source):
        self.observe(Change(source, tuple(worlds.Sourced(resource) for resource in resources)))

    @rule(data=st.data())
    def a_service_is_gone(self, data):
        held = sorted(self.state.of_kind("Service").items())
        if held:
            ref, entry = data.draw(st.sampled_from(held))
            self.observe(Change(entry.source, gone=(ref,)))

    @rule(resource=worlds.pools, source=worlds.sources)
    def a_pool_changes(self, resource, source):
        self.observe(Change(source, (worlds.Sourced(resource, "c.yaml"),)))

    @rule(resources=st.lists(worlds.contested, min_size=1, max_size=4), source=worlds.sources)
    def what_contradicts_changes(self, resources, source):
        self.observe(Change(source, tuple(worlds.Sourced(each, "c.yaml") for each in resources)))

    @rule(data=st.data())
    def what_contradicts_is_gone(self, data):
        held = sorted(ref for kind in CONTESTED for ref in self.state.of_kind(kind))
        if held:
            ref = data.draw(st.sampled_from(held))
            self.observe(Change(self.state.get(ref).source, gone=(ref,)))

    @rule(source=worlds.sources, data=st.data())
    def a_source_relists_what_it_has_in_any_order(self, source, data):
        held = [
            worlds.Sourced(entry.resource, entry.origin)
            for entries in self.state.resources.values()
            for entry in entries.values()
            if entry.source == source
        ]
        order = data.draw(st.permutations(sorted(held, key=lambda item: item.resource.ref)))
        before = self.state.holdings
        self.observe(Listing(source, tuple(order)))
        assert set(self.state.holdings) >= set(before)

    @rule(authority=worlds.authorities)
    def the_authority_changes(self, authority):
        self.observe(authority)

    @rule(failure=worlds.failures)
    def a_task_fails(self, failure):
        self.observe(failure)

    @rule(data=st.data())
    def the_process_crashes_and_starts_again(self, data):
        kept = data.draw(st.integers(max(0, len(self.transactions) - 3), len(self.transactions)))
        del self.transactions[kept:]
        self.state = fold(State(), [item for group in self.transactions for item in group])
        authority = self.state.authority
        if authority is Authority.ALLOCATE:
            self.observe(Authorized(Authority.ADOPT))
            for change in data.draw(st.lists(worlds.changes, max_size=2)):
                self.observe(change)
            self.observe(Authorized(authority))

    # --- what always holds ---

    @invariant()
    def replay_equals_live(self):
        replayed = fold(State(), [item for group in self.transactions for item in group])
        assert differences(replayed, self.state) == []

    @invariant()
    def services_share_an_address_only_on_the_same_terms(self):
        if self.state.authority is Authority.ADOPT:
            return
        for holders in self.state.holders.values():
            for one, other in combinations(holders, 2):
                assert objection(self.state.service(one), self.state.service(other)) is None

    @invariant()
    def every_holding_is_permitted(self):
        pools = self.state.pool_index
        for ref, holding in self.state.holdings.items():
            service = self.state.service(ref)
            assert no_business(service) is None
            if self.state.authority is Authority.ADOPT:
                continue
            pool = pools.by_name[holding.pool]
            assert pools.covers(pool, addresses_of(holding))
            assert pools.permits(pool, service)
            if self.state.authority is Authority.FOLLOW:
                assert holding.addresses == service.status_addresses
            else:
                assert service.requested_pool in ("", pool.name)

    @invariant()
    def whoever_wants_an_address_has_one_or_a_reason(self):
        if self.state.authority is Authority.ALLOCATE:
            wanting = {
                ref
                for ref, entry in self.state.of_kind("Service").items()
                if no_business(entry.resource) is None
            }
            assert wanting == {*self.state.holdings, *self.state.refusals}
        if self.state.authority is Authority.FOLLOW:
            assert not self.state.refusals
        assert not set(self.state.holdings) & set(self.state.refusals)

    @invariant()
    def what_is_in_force_does_not_contradict_itself(self):
        assert list(rules.at_odds(rules.in_force(self.state))) == []

    @invariant()
    def what_is_rejected_comes_from_one_who_may_give_it(self):
        for ref, rejection in self.state.rejections.items():
            entry = self.state.get(ref)
            assert rejection.problem
            assert (
                entry is None
                or entry.resource != rejection.resource
                or (entry.source != rejection.source)
            )

    @invariant()
    def every_alias_has_the_value_that_it_has_now_or_had_last(self):
        for entry in self.state.of_kind("Community").values():
            assert self.state.aliases.items() >= dict(entry.resource.communities).items()

    @invariant()
    def a_checkpoint_restores_the_state_with_every_index(self):
        restored = checkpoint.decode(checkpoint.encode(self.state, CODEC), CODEC)
        assert differences(restored, self.state) == []

    @invariant()
    def derived_indexes_say_what_they_are_derived_from(self):
        state = self.state
        holders = {}
        for ref, holding in sorted(state.holdings.items()):
            for text in holding.addresses:
                holders[text] = (*holders.get(text, ()), ref)
        assert dict(state.holders) == holders
        held = {parse_address(text) for text in holders}
        vacated = {address for address, _ in state.vacated}
        assert all(address in state.occupied for address in held)
        assert all(address in state.touched for address in held | vacated)
        assert not held & vacated
        for ref in set(state.former) & set(state.holdings):
            had, has = state.former[ref].addresses, state.holdings[ref].addresses
            assert {":" in text for text in had}.isdisjoint(":" in text for text in has)
        assert set(state.single) == {
            ref
            for ref, entry in state.of_kind("Service").items()
            if entry.resource.ip_family_policy == "PreferDualStack"
            and ref in state.holdings
            and len(state.holdings[ref].addresses) == 1
        }
        slices = {}
        for ref, entry in sorted(state.of_kind("EndpointSlice").items()):
            owner = Ref("Service", entry.resource.namespace, entry.resource.service)
            slices[owner] = (*slices.get(owner, ()), ref)
        assert dict(state.slices) == slices

    def nothing_new_from_a_pool_that_is_closed_or_used_up(self, before, fact):
        ground = self.state.pool_index.grounds[fact.pool]
        held = before.holdings.get(fact.service)
        if held is not None and set(held.addresses) >= set(fact.addresses):
            return
        assert not ground.closed
        namespace = fact.service.namespace
        limit = ground.quota.of(namespace) if ground.quota else None
        has = {text for ref, holding in before.holdings.items() if ref.namespace == namespace
               for text in holding.addresses}  # fmt: skip
        if limit is not None and not has >= set(fact.addresses):
            assert len(self.state.tenancy(fact.pool, namespace).addresses) <= limit

    def what_came_into_force_agrees(self, before):
        """What is new may not quarrel with anything on the nodes that are known."""
        values, nodes = rules.in_force(self.state), list(self.state.nodes().values())
        was = rules.in_force(before)
        new = {ref for ref, value in values.items() if was.get(ref) != value}
        for one, other, pool in rules.quarrels(values, nodes):
            old = was.get(pool)
            came = new & {one, other} or (
                pool in new and not (old and rules.announce_alike(values[one], values[other], old))
            )
            assert not came, (one, other, pool)

    def nobody_moved_without_a_cause(self, before):
        """An address stays while its Service, its pool and its namespace are what they were."""
        after = self.state
        if before.authority is not after.authority:
            return
        for ref, holding in before.holdings.items():
            causes = (ref, Ref("IPAddressPool", "", holding.pool), Ref("Namespace", "", ref[1]))
            if any(_value(before, cause) != _value(after, cause) for cause in causes):
                continue
            now = after.holdings.get(ref)
            assert now is not None
            assert now.addresses[: len(holding.addresses)] == holding.addresses
            assert now.pool == holding.pool


def _value(state, ref):
    entry = state.get(ref)
    return entry and entry.resource


TestLedger = Ledger.TestCase
