"""What is promised about addresses holds over whatever can happen.

`life` says what is promised, and `happenings` what can happen.  What does is
chosen by hypothesis, in short lives that it can make shorter still, and by a
seeded generator in a few long ones.
"""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from proclaim.model import Change, Sourced

from core import happenings, life


class Allocation(RuleBasedStateMachine):
    """Short lives, as hypothesis would have them."""

    def __init__(self):
        super().__init__()
        self.life = life.Life()

    @initialize(data=st.data())
    def begin(self, data):
        for _ in range(2):
            self.life.happens(
                Change(happenings.SOURCE, (Sourced(happenings.some_pool(chosen_from(data))),))
            )

    @rule(data=st.data())
    def something_changes(self, data):
        choose = chosen_from(data)
        self.life.happens(happenings.what_changes(choose, self.life.world().by_ref.values()))

    @rule(data=st.data())
    def the_source_lists_again_in_any_order(self, data):
        self.life.lists_again(chosen_from(data))

    @rule(data=st.data())
    def the_process_crashes_and_starts_again(self, data):
        self.life.crashes(chosen_from(data))

    @rule(data=st.data())
    def the_ledger_is_lost(self, data):
        self.life.loses_its_ledger(chosen_from(data))


def chosen_from(data):
    return lambda options: data.draw(st.sampled_from(options))


TestAllocation = Allocation.TestCase


LONG, NIGHTLY = 400, 10_000
"""Steps of a long life; hypothesis itself gives up on lives of more than a hundred or so."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_one_allocator_keeps_every_promise_through_a_long_life(seed):
    nightly = settings.get_current_profile_name() == "nightly"
    choose = random.Random(seed).choice
    one = life.Life()
    for at in range(NIGHTLY if nightly else LONG):
        happening = choose([*["change"] * 180, *["list"] * 10, *["crash"] * 9, "lose"])
        try:
            match happening:
                case "change":
                    one.happens(happenings.what_changes(choose, one.world().by_ref.values()))
                case "list":
                    one.lists_again(choose)
                case "crash":
                    one.crashes(choose)
                case "lose":
                    one.loses_its_ledger(choose)
        except AssertionError as broken:
            raise AssertionError(f"in step {at} ({happening}): {broken}") from broken
