"""A change means exactly what the whole listing would."""

from hypothesis import given
from hypothesis import strategies as st
from proclaim import Change, Listing, Problem, Sourced
from proclaim.model import Namespace
from proclaim_file_source.difference import difference

RESOURCES = st.lists(
    st.builds(
        Sourced,
        st.builds(
            Namespace,
            name=st.sampled_from("abcd"),
            labels=st.sampled_from([(), (("tier", "front"),)]),
        ),
        st.sampled_from(["x.yaml", "y.yaml"]),
    ),
    max_size=5,
).map(tuple)
LISTINGS = st.builds(
    Listing,
    source=st.just("files"),
    resources=RESOURCES,
    unreadable=st.sampled_from([(), (), ("z.yaml",)]),
    problems=st.sampled_from([(), (), (Problem(file="z.yaml", problem="is wrong"),)]),
)


def known(listing):
    return {sourced.resource.ref: sourced for sourced in listing.resources}


@given(LISTINGS, LISTINGS)
def test_applying_what_is_said_leads_from_one_listing_to_the_next(before, after):
    said = difference(before, after)
    if isinstance(said, Change):
        state = known(before)
        state.update({sourced.resource.ref: sourced for sourced in said.resources})
        for ref in said.gone:
            del state[ref]
        assert state == known(after)
        assert len(known(after)) == len(after.resources)
        unclear = [*before.problems, *before.unreadable, *after.problems, *after.unreadable]
        assert unclear == []
    elif said is None:
        assert known(before) == known(after)
        assert (before.problems, before.unreadable) == (after.problems, after.unreadable)
    else:
        assert said is after


def test_the_first_thing_said_is_a_listing():
    assert difference(None, Listing("files")) == Listing("files")


@given(LISTINGS)
def test_nothing_is_said_twice(listing):
    assert difference(listing, listing) is None
