"""What `plan` predicts is what `apply` records, and what `get` shows before and afterwards."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from cli.configurations import configurations
from cli.running import CommandLine
from hypothesis import given, settings
from hypothesis import strategies as st

ALLOCATE, FOLLOW = "allocate", "follow"
steps = st.tuples(configurations(), st.sampled_from((ALLOCATE,) * 4 + (FOLLOW,)))
"""What stands in the manifests, and in the settings; who follows once goes on following."""


class Seen(NamedTuple):
    """What `get` shows at one time."""

    services: dict[str, dict]
    announcements: list[dict]


class Ledger:
    """A ledger in a directory of its own, and manifests that are replaced as a whole."""

    def __init__(self, folder: str) -> None:
        self.run = CommandLine(Path(folder), pytest.MonkeyPatch())
        self._settings = Path(folder) / "proclaim.toml"
        self._more = ("--settings", self._settings)
        self.configure({}, ALLOCATE)

    def configure(self, files: dict[str, str], authority: str) -> None:
        self._settings.write_text(f"node = 'n1'\nauthority = '{authority}'\n")
        for path in self.run.manifests.iterdir():
            path.unlink()
        for name, text in files.items():
            (self.run.manifests / name).write_text(text)

    def value(self, command: str, *arguments):
        ran = self.run(command, *arguments, *self._more, "-o", "json")
        assert ran.status in (0, 1, 2), ran.err
        assert "Traceback" not in ran.err
        return ran, json.loads(ran.out) if ran.out else []

    def seen(self) -> Seen:
        services = self.value("get", "services")[1]
        return Seen(
            {f"{each['namespace']}/{each['name']}": each for each in services},
            self.value("get", "announcements")[1],
        )

    def facts(self) -> int:
        return len(self.run("log", *self._more, "-o", "json").out.splitlines())


@settings(max_examples=60)
@given(
    st.lists(steps, max_size=3),
    steps,
)
def test_a_plan_is_what_happens(history, coming):
    with TemporaryDirectory() as folder:
        ledger = Ledger(folder)
        for step in history:
            ledger.configure(*step)
            ledger.value("apply", ledger.run.manifests)
        before, facts = ledger.seen(), ledger.facts()
        ledger.configure(*coming)
        ran, planned = ledger.value("plan", ledger.run.manifests)
        assert ledger.facts() == facts
        done, applied = ledger.value("apply", ledger.run.manifests)
        assert applied == planned
        assert [line for line in ran.err.splitlines() if line.startswith(("problem", "warn"))] == [
            line for line in done.err.splitlines() if line.startswith(("problem", "warn"))
        ]
        after = ledger.seen()
        services_are_predicted(planned, before, after)
        announcements_are_predicted(planned, before, after)
        assert planned["summary"]["facts"] == ledger.facts() - facts
        assert (ran.status == 1) == (done.status == 1) == ("problem: " in ran.err)
        assert ran.status in (1, 2 if planned["summary"]["changes"] else 0)
        again = ledger.value("plan", ledger.run.manifests)[1]
        assert not again["summary"]["changes"]
        assert again["summary"]["facts"] == 0


def services_are_predicted(planned: dict, before: Seen, after: Seen) -> None:
    expected = {}
    for name in before.services.keys() | after.services.keys():
        was, is_ = before.services.get(name, NOTHING), after.services.get(name, NOTHING)
        if change := what_became(was, is_):
            pools = was["pool"], is_["pool"]
            expected[name] = (change, was["addresses"], is_["addresses"], *pools)
    found = {
        f"{each['namespace']}/{each['name']}": (
            each["change"],
            each["before"],
            each["after"],
            each["pool_before"],
            each["pool_after"],
        )
        for each in planned["services"]
    }
    assert found == expected
    counts = Counter(change for change, *_ in expected.values())
    assert planned["summary"]["services"] == {
        change: counts[change] for change in ("kept", "assigned", "moved", "released", "refused")
    }
    for each in planned["services"]:
        is_ = after.services.get(f"{each['namespace']}/{each['name']}", NOTHING)
        said = each["outcome"] or each["reason"]
        assert said is not None
        if is_["state"] in ("assigned", "partial") or each["change"] == "refused":
            assert said == is_["reason"], each


NOTHING = {"addresses": [], "pool": None, "state": "none", "reason": None}


def what_became(was: dict, is_: dict) -> str:
    had, has = was["addresses"], is_["addresses"]
    if had or has:
        if had == has:
            return "kept"
        if set(had) <= set(has):
            return "assigned"
        return "released" if set(has) < set(had) else "moved"
    refused = is_["state"] == "pending" and is_["reason"] is not None
    said_before = was["state"] == "pending" and was["reason"] == is_["reason"]
    return "refused" if refused and not said_before else ""


def announcements_are_predicted(planned: dict, before: Seen, after: Seen) -> None:
    shown = list(before.announcements)
    for each in planned["announcements"]:
        assert each["before"] != each["after"]
        if each["before"]:
            shown.remove(each["before"])
    shown += [each["after"] for each in planned["announcements"] if each["after"]]
    assert sorted(map(json.dumps, shown)) == sorted(map(json.dumps, after.announcements))
    counted = Counter((each["node"], each["change"]) for each in planned["announcements"])
    assert {
        (each["node"], change): each[change]
        for each in planned["summary"]["by_node"]
        for change in ("added", "removed", "changed")
        if each[change]
    } == counted
    assert noticed(planned) == noticed_by_looking(before, after)


def noticed(planned: dict) -> dict:
    return {
        (each["announcer"], each["name"]): (
            each["nodes"],
            {change: each[change] for change in ("added", "removed", "changed")},
        )
        for each in planned["summary"]["by_receiver"]
    }


def noticed_by_looking(before: Seen, after: Seen) -> dict:
    was, is_ = told(before), told(after)
    nodes, counts = {}, {}
    for key in was.keys() | is_.keys():
        if was.get(key) == is_.get(key):
            continue
        announcer, name, node, _ = key
        change = "added" if key not in was else "removed" if key not in is_ else "changed"
        nodes.setdefault((announcer, name), set()).add(node)
        one = counts.setdefault((announcer, name), {"added": 0, "removed": 0, "changed": 0})
        one[change] += 1
    return {key: (sorted(nodes[key]), counts[key]) for key in counts}


def told(seen: Seen) -> dict:
    return {
        (row["announcer"], name, row["node"], row["prefix"]): row["attributes"]
        for row in seen.announcements
        for name in row["to"] or ([""] if row["announcer"] == "l2" else [])
    }
