"""Who follows by a trail sees every difference, however far it fell behind."""

from hypothesis import given
from hypothesis import strategies as st
from proclaim import Announcement, Wanted
from proclaim.trail import REMEMBERED, Trail

keys = st.sampled_from([(f"192.0.2.{at}/32", "") for at in range(6)])
steps = st.lists(st.one_of(st.none(), st.dictionaries(keys, st.booleans())), max_size=12)


def announcement(key) -> Announcement:
    return Announcement(key[0], (key[0][:-3],), ())


@given(steps, st.integers(1, 4))
def test_what_differs_is_among_what_is_named(history, stride) -> None:
    trail, wanted = Trail(), Wanted()
    seen = wanted
    for at, step in enumerate(history):
        now = {} if step is None else dict(wanted.announcements)
        for key, there in (step or {}).items():
            now.pop(key, None)
            if there:
                now[key] = announcement(key)
        trail.note(step)
        wanted = Wanted(now, (), trail, trail.version)
        if at % stride == 0:
            old = seen.announcements
            found = {key for key in {*old, *now} if old.get(key) is not now.get(key)}
            named = wanted.differing(seen)
            assert named is None or found <= set(named)
            seen = wanted


def test_a_key_is_named_once_and_only_while_it_is_news() -> None:
    trail = Trail()
    first = Wanted({}, (), trail, trail.version)
    trail.note([("a", ""), ("b", "")])
    trail.note([("a", "")])
    second = Wanted({}, (), trail, trail.version)
    assert sorted(second.differing(first) or ()) == [("a", ""), ("b", "")]
    trail.note([("c", "")])
    assert Wanted({}, (), trail, trail.version).differing(second) == [("c", "")]


def test_who_fell_far_behind_must_look_at_everything() -> None:
    trail = Trail()
    first = Wanted({}, (), trail, trail.version)
    for at in range(REMEMBERED + 1):
        trail.note([(str(at), "")])
    last = Wanted({}, (), trail, trail.version)
    assert last.differing(first) is None
    assert last.differing(last) == []


def test_nothing_is_known_of_another_trail() -> None:
    assert Wanted().differing(Wanted()) is None
    assert Wanted({}, (), Trail(), 0).differing(Wanted({}, (), Trail(), 0)) is None
