"""Several sources that give passwords, each its own."""

from proclaim import Latest, Passwords


def test_what_another_source_gave_stays():
    secrets = Latest({})
    mine, theirs = Passwords(secrets), Passwords(secrets)
    mine.give({"tor": "one", "spine": "two"})
    theirs.give({"edge": "three"})
    mine.give({"tor": "one"})
    assert secrets.value == {"tor": "one", "edge": "three"}
    theirs.give({})
    assert secrets.value == mine.given == {"tor": "one"}


def test_what_another_source_put_in_its_place_is_not_taken_away():
    secrets = Latest({})
    mine, theirs = Passwords(secrets), Passwords(secrets)
    mine.give({"tor": "one"})
    theirs.give({"tor": "two"})
    mine.give({})
    assert secrets.value == {"tor": "two"}


def test_giving_the_same_again_wakes_nobody():
    secrets = Latest({})
    mine = Passwords(secrets)
    mine.give({"tor": "one"})
    before = secrets.value
    mine.give({"tor": "one"})
    assert secrets.value is before
