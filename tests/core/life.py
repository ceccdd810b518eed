"""The life of one allocator with its crashes, and the promises that it must keep.

After every step what is held is compared with `oracle`, which shares no code
with the rooms that decide.  Whoever lives it chooses what happens.
"""

from itertools import combinations

from proclaim.decide import decide
from proclaim.fold import fold, number
from proclaim.model import Authority, Authorized, Change, Listing, Namespace, Service, Sourced
from proclaim.state import State

from core import happenings, oracle


class Life:
    """An allocator, what it promised so far, and what is checked after each step."""

    def __init__(self):
        self.state, self.step = State(), 0
        self.left = {}
        """Every address that was ever held, with the last step at which it was."""
        self.former = {}
        """What each Service held last, by family."""
        self.past = []
        """The states before, with what was remembered, for a crash to go back to."""
        self._say(Authorized(Authority.ALLOCATE))
        self._remember(self.world())

    def world(self):
        by_kind = self.state.resources.values()
        resources = [entry.resource for entries in by_kind for entry in entries.values()]
        held = {ref: holding.addresses for ref, holding in self.state.holdings.items()}
        return oracle.World(sorted(resources, key=lambda each: each.ref), held)

    def happens(self, observation):
        before = self.world()
        self._say(observation)
        after = self.world()
        self.keeps_its_promises(before, after)
        self.what_is_new_was_well_chosen(before, after)
        self._remember(after)

    def lists_again(self, choose):
        """The source says all that it has, in any order."""
        before = self.world()
        self._say(Listing(happenings.SOURCE, self._shuffled(choose, before)))
        assert self.world().held == before.held
        assert self.world().by_ref == before.by_ref

    def crashes(self, choose):
        """The last facts may be lost; while it is away the world goes on."""
        lost = choose([0, 0, 1, 2])
        for _ in range(min(lost, len(self.past) - 1)):
            self.past.pop()
        self.state, self.left, self.former = self.past[-1]
        before = self.world()
        changed = {each.ref: each for each in before.by_ref.values()}
        for change in [
            happenings.what_changes(choose, changed.values()) for _ in range(choose([0, 0, 1]))
        ]:
            changed.update({each.resource.ref: each.resource for each in change.resources})
            for ref in change.gone:
                del changed[ref]
        self._starts(self._shuffled(choose, oracle.World(changed.values(), {})))
        after = self.world()
        self.keeps_its_promises(before, after)
        self._remember(after)

    def loses_its_ledger(self, choose):
        """All that is left is what the Services' status says."""
        before = self.world()
        listed = []
        for sourced in self._shuffled(choose, before):
            each = sourced.resource
            if each.ref.kind == "Service":
                each = with_status(each, before.held.get(each.ref, ()))
            listed.append(Sourced(each))
        self.state, self.left, self.former = State(), {}, {}
        self._starts(tuple(listed))
        after = self.world()
        for ref, addresses in before.held.items():
            assert set(after.held[ref]) >= set(addresses), f"{ref} moved from {addresses}"
        self.keeps_its_promises(after, after)
        self._remember(after)

    def _starts(self, listed):
        self._say(Authorized(Authority.ADOPT))
        some = len(listed) // 2
        self._say(Change(happenings.SOURCE, listed[:some]))
        self._say(Listing(happenings.SOURCE, listed))
        self._say(Authorized(Authority.ALLOCATE))

    def _shuffled(self, choose, world):
        rest, order = sorted(world.by_ref), []
        while rest:
            order.append(rest.pop(choose(range(len(rest)))))
        return tuple(Sourced(world.by_ref[ref]) for ref in order)

    def _say(self, observation):
        decided = decide(self.state, observation)
        replayed = fold(self.state, number(self.state, decided.facts, 0.0))
        assert replayed.holdings == decided.state.holdings
        self.state = decided.state

    def _remember(self, world):
        self.step += 1
        held = {address for addresses in world.held.values() for address in addresses}
        self.left = {**self.left, **dict.fromkeys(sorted(held), self.step)}
        self.former = dict(self.former)
        for ref, addresses in world.held.items():
            self.former[ref] = {**self.former.get(ref, {}), **by_family(addresses)}
        self.past = [*self.past[-2:], (self.state, self.left, self.former)]

    # --- the promises ---

    def keeps_its_promises(self, before, after):
        self.nobody_shares_with_who_would_not_share(after)
        self.what_is_held_lies_in_one_pool_that_is_for_the_service(after)
        self.nobody_waits_for_what_could_be_had(after)
        self.nobody_moved_for_what_others_did(before, after)
        self.who_came_back_has_what_was_free(before, after)

    def nobody_shares_with_who_would_not_share(self, world):
        for one, other in combinations(sorted(world.held), 2):
            if set(world.held[one]) & set(world.held[other]):
                assert oracle.may_share(world.services[one], world.services[other]), (one, other)

    def what_is_held_lies_in_one_pool_that_is_for_the_service(self, world):
        for ref, addresses in world.held.items():
            service = world.services[ref]
            (name,) = {world.pool_of(address) for address in addresses}
            assert name is not None, f"{addresses} of {ref} is in no pool"
            assert world.wants(service)
            assert oracle.permits(world.pools[name], service, world.namespaces)
            assert service.requested_pool in ("", name)
            assert sorted(service.requested_addresses or addresses) == sorted(addresses)
            families = sorted(map(oracle.family, addresses))
            alone = oracle.content_with_one(service) and len(families) == 1
            wanted = sorted(oracle.wanted(service))
            assert families == wanted or (alone and families[0] in wanted)

    def nobody_waits_for_what_could_be_had(self, world):
        wanting = {ref for ref, service in world.services.items() if world.wants(service)}
        assert wanting == {*world.held, *self.state.refusals}
        for ref in wanting:
            service = world.services[ref]
            if ref not in world.held:
                found = world.could_have(service)
                assert not found, f"{ref} has nothing, and could have {found}"
            elif len(world.held[ref]) == 1:
                found = world.could_add(service, *world.held[ref])
                assert not found, f"{ref} has {world.held[ref]}, and could have {found} too"

    def nobody_moved_for_what_others_did(self, before, after):
        for ref, addresses in before.held.items():
            pool = before.pools[before.pool_of(addresses[0])].ref
            causes = (ref, pool, Namespace(ref.namespace).ref)
            if all(before.by_ref.get(each) == after.by_ref.get(each) for each in causes):
                now = after.held.get(ref, ())
                assert now[: len(addresses)] == addresses, f"{ref} moved from {addresses}"

    def who_came_back_has_what_was_free(self, before, after):
        for ref, addresses in after.held.items():
            service, had = after.services[ref], before.held.get(ref, ())
            if service.requested_addresses or service.status_addresses:
                continue
            former = {**self.former.get(ref, {}), **by_family(had)}
            lacked = [each for each in oracle.wanted(service) if each not in by_family(had)]
            for choice in (oracle.wanted(service), *((each,) for each in lacked)):
                wished = tuple(former[each] for each in choice if each in former)
                gave = tuple(by_family(addresses).get(each) for each in choice)
                if len(wished) == len(choice) and gave != wished:
                    free = self._may_return(before, after, service, wished)
                    here = {*map(after.pool_of, wished)} == {after.pool_of(addresses[0])}
                    whole = choice == oracle.wanted(service) and not had
                    assert not (free and (whole or here)), f"{ref} has {gave}, and had {wished}"

    def _may_return(self, before, after, service, addresses):
        names = {after.pool_of(each) for each in addresses}
        held = {ref for each in addresses for ref in (*before.holders(each), *after.holders(each))}
        if len(names) != 1 or None in names or held - {service.ref}:
            return False
        pool = after.pools[names.pop()]
        return after.searched(service, pool) and after.affordable(service, pool, addresses)

    # --- the choice ---

    def what_is_new_was_well_chosen(self, before, after):
        for ref, addresses in after.held.items():
            had = before.held.get(ref, ())
            for address in addresses:
                if address not in had:
                    pool = after.pools[after.pool_of(address)]
                    self.nothing_is_new_where_it_may_not_be(before, after, ref, pool)
                    if not self._was_named(after.services[ref], address):
                        assert self._has_more(after, ref, had) or after.searched(
                            after.services[ref], pool
                        )
                        if not self._came_back(after.services[ref], address):
                            self.an_address_was_new_or_long_unused(after, address)
            if not had:
                self.the_first_pool_gave(after, ref, addresses)
        for ref, service in after.services.items():
            if not before.held.get(ref) and after.wants(service):
                self.what_was_named_went_to_nobody_who_did_not_name_it(before, after, service)

    def nothing_is_new_where_it_may_not_be(self, before, after, ref, pool):
        assert not oracle.is_closed(pool)
        limit = oracle.quota(pool, ref.namespace)
        has = after.of_namespace(pool, ref.namespace)
        more = has - before.of_namespace(pool, ref.namespace) if pool.name in before.pools else has
        assert limit is None or not more or len(has) <= limit

    def an_address_was_new_or_long_unused(self, world, address):
        """No other free one of its pool and family was never held, or left before it."""
        if address not in self.left or len(world.holders(address)) > 1:
            return
        for other in world.ranges[world.pool_of(address)]:
            if oracle.family(other) == oracle.family(address) and not world.holders(other):
                assert self.left.get(other, 0) >= self.left[address], f"{other}, not {address}"

    def what_was_named_went_to_nobody_who_did_not_name_it(self, before, after, service):
        """Claims are looked at before requests, and both before everything else."""
        claimed, asked = service.status_addresses, service.requested_addresses
        named = claimed if claimed and sorted(asked or claimed) == sorted(claimed) else asked
        fits = sorted(map(oracle.family, named)) == sorted(oracle.wanted(service))
        if not named or not fits or after.held.get(service.ref) == named:
            return
        if named != asked and not all(after.may_claim(service, address) for address in named):
            return
        late = set()
        for ref in {each for address in named for each in after.holders(address)}:
            other, new = after.services[ref], {*after.held[ref]} - {*before.held.get(ref, ())}
            others = {*other.status_addresses, *(() if named == claimed else named)}
            if new & {*named} and not others & {*named} and ref != service.ref:
                late.add(ref)
        held = {ref: held for ref, held in after.held.items() if ref not in late}
        held.pop(service.ref, None)
        without = oracle.World(after.by_ref.values(), held)
        found = without.could_have(with_request(service, named)) if late else None
        assert not found, f"{service.ref} named {named}, which went to {late}"

    def the_first_pool_gave(self, world, ref, addresses):
        """The first of the pools in which there still is something, when one family is wanted."""
        service = world.services[ref]
        families = oracle.wanted(service)
        if len(families) > 1 or service.requested_pool:
            return
        if self._was_named(service, *addresses) or self._came_back(service, *addresses):
            return
        gave = world.pools[world.pool_of(addresses[0])]
        for pool in sorted(world.pools.values(), key=oracle.rank):
            if pool == gave:
                return
            found = world.from_pool(service, pool, families)
            assert not (pool.auto_assign and found), f"{pool.name} comes before {gave.name}"

    def _was_named(self, service, *addresses):
        """Whether addresses were not left to choose: claimed or asked for."""
        named = (*service.requested_addresses, *service.status_addresses)
        return bool({*named} & {*addresses})

    def _has_more(self, world, ref, had):
        """Whether a Service has another address that it had before, or named."""
        addresses = world.held[ref]
        return bool({*had} & {*addresses}) or self._was_named(world.services[ref], *addresses)

    def _came_back(self, service, *addresses):
        return bool({*self.former.get(service.ref, {}).values()} & {*addresses})


def by_family(addresses):
    return {oracle.family(each): each for each in addresses}


def with_status(service, addresses):
    fields = {name: getattr(service, name) for name in service.__struct_fields__}
    return Service(**{**fields, "status_addresses": addresses})


def with_request(service, addresses):
    fields = {name: getattr(service, name) for name in service.__struct_fields__}
    return Service(**{**fields, "requested_addresses": addresses})
