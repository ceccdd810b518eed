"""Whatever goes wrong on the way: what a reflector delivered is what the server holds."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from proclaim_k8s_source.watch.reflector import Phase, Reflector, Rules, deadline, step
from proclaim_k8s_source.watch.signals import (
    Answering,
    Bookmark,
    Changed,
    Complete,
    Ended,
    Event,
    Failed,
    List,
    Opened,
    Page,
    Start,
    Tick,
    Watch,
)

KEYS = st.sampled_from("abcdefg")
STATUSES = st.sampled_from([0, 400, 401, 403, 410, 429, 500, 503, 504])
JITTERS = st.sampled_from([0.67, 1.0, 1.33])


@dataclass
class Server:
    """A store that remembers its past, until that is compacted."""

    version: int = 10
    items: dict[str, int] = field(default_factory=dict)
    past: list[tuple[int, str, int | None]] = field(default_factory=list)
    """Version, key, and the version of the value; None when it was deleted."""
    compacted: int = 0
    kept: dict[int, dict[str, int]] = field(default_factory=dict)

    def put(self, key):
        self.version += 1
        self.items = {**self.items, key: self.version}
        self.past.append((self.version, key, self.version))

    def delete(self, key):
        if key in self.items:
            self.version += 1
            self.items = {name: value for name, value in self.items.items() if name != key}
            self.past.append((self.version, key, None))

    def compact(self):
        self.compacted = self.version
        self.past.clear()
        self.kept.clear()

    def page(self, limit, token):
        """A part of the list, or None when it expired."""
        at, after = token.split("/") if token else (str(self.version), "")
        if token and int(at) not in self.kept:
            return None
        items = self.kept.setdefault(int(at), self.items)
        keys = sorted(key for key in items if key > after)
        some = keys[:limit] if limit else keys
        more = f"{at}/{some[-1]}" if len(some) < len(keys) else ""
        return Page(tuple((key, items[key]) for key in some), at, more)


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.server = Server()
        self.reflector = Reflector(Rules(page_size=2))
        self.now = 0.0
        self.asked = None
        self.delivered = None
        self.newest = 0
        self.requests = 0

    def hear(self, happened):
        self.reflector, outputs = step(self.reflector, happened, self.now)
        for output in outputs:
            match output:
                case List() | Watch():
                    self.asked = output
                    self.at = int(output.version) if isinstance(output, Watch) else 0
                    self.requests += 1
                case Complete(pages=pages):
                    self.delivered = dict(item for page in pages for item in page)
                case Changed(item=(key, None)):
                    self.delivered.pop(key, None)
                case Changed(item=(key, value)):
                    assert value > self.delivered.get(key, 0), "an item went back in time"
                    self.delivered[key] = value
                case _:
                    pass
        if self.reflector.phase is Phase.PAUSING:
            self.asked = None

    @initialize(keys=st.lists(KEYS, max_size=6))
    def begin(self, keys):
        for key in keys:
            self.server.put(key)
        self.hear(Start())

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4))
    def something_is_written(self, keys):
        for key in keys:
            self.server.put(key)

    @rule(key=KEYS)
    def something_is_deleted(self, key):
        self.server.delete(key)

    @rule()
    def the_past_is_compacted(self):
        self.server.compact()

    @precondition(lambda self: isinstance(self.asked, List))
    @rule(jitter=JITTERS)
    def a_list_is_answered(self, jitter):
        self.answer(jitter)

    def answer(self, jitter=1.0):
        page = self.server.page(self.asked.limit, self.asked.token)
        if page is None:
            self.hear(Failed("expired", 410, jitter=jitter))
        else:
            self.hear(Page(page.items, page.version, page.token, jitter))

    @precondition(lambda self: self.asked is not None)
    @rule(status=STATUSES, jitter=JITTERS, away=st.booleans())
    def it_fails(self, status, jitter, away):
        self.hear(Failed("no luck", status, jitter=jitter, away=away))

    @precondition(lambda self: isinstance(self.asked, Watch))
    @rule(times=st.integers(1, 4), jitter=JITTERS)
    def a_watch_goes_on(self, times, jitter):
        for _ in range(times):
            if isinstance(self.asked, Watch):
                self.go_on(jitter)

    def go_on(self, jitter=1.0):
        """One event; an error when the past is not remembered."""
        if self.reflector.opened_at is None:
            self.hear(Opened())
        if self.at < self.server.compacted:
            self.hear(Failed("too old", 410, jitter=jitter))
            return
        for version, key, value in self.server.past:
            if version > self.at:
                self.at = version
                self.hear(Event((key, value), str(version)))
                return

    @precondition(lambda self: isinstance(self.asked, Watch) and self.reflector.opened_at)
    @rule()
    def the_events_come_again(self):
        for version, key, value in self.server.past:
            if version <= self.at:
                self.hear(Event((key, value), str(version)))

    @precondition(lambda self: isinstance(self.asked, Watch))
    @rule()
    def a_bookmark_comes_when_all_was_said(self):
        if self.at >= max([self.server.compacted, *(each[0] for each in self.server.past)]):
            self.at = self.server.version
            self.hear(Bookmark(str(self.server.version)))

    @precondition(lambda self: isinstance(self.asked, Watch))
    @rule(jitter=JITTERS)
    def a_watch_ends(self, jitter):
        self.hear(Ended(jitter))

    @rule(seconds=st.floats(0, 700), jitter=JITTERS)
    def time_passes(self, seconds, jitter):
        until = self.now + seconds
        while (at := deadline(self.reflector)) is not None and at <= until:
            self.now = max(self.now, at)
            self.hear(Tick(jitter))
        self.now = until

    @rule(jitter=JITTERS)
    def the_server_answers_somebody_else(self, jitter):
        self.hear(Answering(jitter))

    @invariant()
    def somebody_is_asked_or_there_is_a_deadline(self):
        assert self.asked is not None or deadline(self.reflector) is not None or not self.requests
        assert (self.asked is not None) == (self.reflector.phase in (Phase.LISTING, Phase.WATCHING))

    @invariant()
    def no_version_goes_backwards(self):
        version = int(self.reflector.version or 0)
        assert version >= self.newest
        self.newest = version

    def teardown(self):
        """The server answers from now on: a few requests later nothing is missing."""
        if not self.requests:
            return
        self.requests = 0
        for _ in range(200):
            if self.settled():
                break
            if self.asked is None:
                self.now = deadline(self.reflector)
                self.hear(Tick())
            elif isinstance(self.asked, List):
                self.answer()
            else:
                self.go_on()
        assert self.delivered == self.server.items
        assert self.requests <= 10

    def settled(self):
        return (
            isinstance(self.asked, Watch)
            and self.reflector.opened_at is not None
            and self.at >= self.server.compacted
            and all(version <= self.at for version, _, _ in self.server.past)
        )


TestReflector = pytest.mark.slow(Machine.TestCase)
