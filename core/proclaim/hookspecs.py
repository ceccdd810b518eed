"""The hooks: how sources, announcers, detectors, logs and commands join Proclaim.

Hooks are few, synchronous and called at start-up only.  They return objects;
whatever takes time happens in the objects' `run`.  A plugin is any
distribution with an entry point in the group `proclaim` that names a module
holding `@hookimpl` functions; an implementation may leave out any argument.
Results are collected from every plugin and sorted by name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pluggy

from proclaim.governing import Mandate
from proclaim.host import Host
from proclaim.latest import Latest
from proclaim.model import Announcement, BGPPeer, Listing, Node, Observation, Spread
from proclaim.trail import Key, Trail

if TYPE_CHECKING:
    import typer

    from proclaim.kinds import Kind
    from proclaim.log import EventLog
    from proclaim.settings import Settings
    from proclaim.view import View

hookspec = pluggy.HookspecMarker("proclaim")
hookimpl = pluggy.HookimplMarker("proclaim")

Observe: TypeAlias = Callable[[Observation], Awaitable[None]]
"""Hands an observation to the ledger; returns when it and its decisions are durable."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one announcer on this node must keep true; iterating gives the announcements."""

    announcements: Mapping[tuple[str, str], Announcement] = field(default_factory=dict)
    """By (prefix, discriminator), in no order; treat as immutable.

    What did not change is the same object still, so compare by identity first.
    """
    peers: tuple[BGPPeer, ...] = ()
    """The BGPPeers that select this node, sorted by name; empty for ONE_NODE announcers, and while
    the node is withdrawn."""
    trail: Trail | None = field(default=None, compare=False, repr=False)
    version: int = field(default=0, compare=False, repr=False)
    """How far the trail was when this was made."""
    complete: bool = True
    """False while there may be more to come, for a source was never heard and decided on.

    Whoever has kept what an earlier process announced forgets none of it before.
    """

    def __iter__(self) -> Iterator[Announcement]:
        return iter(self.announcements.values())

    def differing(self, before: Wanted) -> Collection[Key] | None:
        """The keys under which there may be something else than before; None where that is all."""
        if self.trail is None or self.trail is not before.trail:
            return None
        return self.trail.since(before.version)


class Source(Protocol):
    """Says what exists."""

    @property
    def name(self) -> str:
        """Unique among those of its sort; the settings and the command line use it."""

    async def run(self, observe: Observe) -> None:
        """Begin with a `Listing`, then say what changes (`Change`, or another `Listing`).

        Runs until cancelled.  May raise: it is named in the log and run again
        after a pause, and must then begin with a `Listing` again.
        """


class Announcer(Protocol):
    """Keeps the network equal to a wanted set."""

    @property
    def name(self) -> str:
        """Unique among those of its sort; the settings and the command line use it."""

    @property
    def spread(self) -> Spread:
        """Where it makes an address visible."""

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        """Keep the world equal to `wanted` until cancelled.

        When cancelled, undo what must not outlive the process (withdraw,
        Cease), shielded and bounded to a second or two.  May raise: it is
        restarted after a pause, so ask the world instead of remembering it.
        """


class Detector(Protocol):
    """Finds out which fellow nodes still live."""

    @property
    def name(self) -> str:
        """Unique among those of its sort; the settings and the command line use it."""

    async def run(self, fellows: Latest[tuple[Node, ...]], observe: Observe) -> None:
        """Watch the fellows, and observe `NodeReachability` when one is lost or found again."""


class Reporter(Protocol):
    """Tells somebody outside how things stand: status writers, metrics."""

    @property
    def name(self) -> str:
        """Unique among those of its sort; the settings and the command line use it."""

    async def run(self, view: View, observe: Observe) -> None:
        """Keep what is told equal to what `view` shows, until cancelled.

        `proclaim.reporting` has what there is to do with it.  May raise: it is
        restarted after a pause, so ask the world instead of remembering it.
        """


class Elector(Protocol):
    """Finds out whether this process is the one that allocates, of several that could."""

    @property
    def name(self) -> str:
        """Unique among those of its sort; the settings and the command line use it."""

    async def run(self, mandate: Latest[Mandate]) -> None:
        """Keep the mandate true until cancelled, and then give it up.

        May raise: then nothing is allocated until it has been restarted.
        """


class Tools(Protocol):
    """What the command line lends to the commands of plugins, so that all look alike."""

    def show_plan(
        self,
        listing: Listing,
        load_balancer_class: str,
        output: str,
        nodes: Iterable[str] = (),
    ) -> int:
        """Show what taking over a running cluster would change, and return the exit status.

        The listing is all of it, statuses included.  `output` is table, wide,
        json or yaml; the status is 0 when nothing would change, 2 when
        something would, and 1 when there are problems.
        """


class Proclaim:
    """The hook specifications; plugins implement any subset as module functions."""

    @hookspec
    def proclaim_kinds(self) -> Iterable[Kind[Any]]:  # type: ignore[empty-body]
        """Offer kinds of resources that facts may carry.

        When: once, before any ledger is opened.
        Returns: `Kind` objects; a name offered twice is a `PluginError`.
        If it raises: start-up stops, naming your plugin.

        Example::

            @hookimpl
            def proclaim_kinds():
                yield Kind("Lease", Lease, version=1)
        """

    @hookspec
    def proclaim_sources(  # type: ignore[empty-body]
        self, settings: Settings, host: Host
    ) -> Iterable[Source]:
        """Offer the sources that these settings ask for.

        When: once, after settings are read and before any task starts.
        Returns: zero or more sources; none when your section is absent.
        Order: all offers are sorted by name; two of one name are a `PluginError`.
        If it raises: start-up stops, naming your plugin.

        Example::

            @hookimpl
            def proclaim_sources(settings, host):
                if options := settings.section("consul"):
                    yield ConsulSource(options["url"])
        """

    @hookspec
    def proclaim_announcers(  # type: ignore[empty-body]
        self, settings: Settings, host: Host
    ) -> Iterable[Announcer]:
        """Offer the announcers that these settings ask for.

        When: once, after settings are read and before any task starts.
        Returns: zero or more announcers.
        Order: all offers are sorted by name; two of one name are a `PluginError`.
        If it raises: start-up stops, naming your plugin.

        Example: docs/how-to/write-an-announcer.md, whose code is a test.
        """

    @hookspec
    def proclaim_detectors(  # type: ignore[empty-body]
        self, settings: Settings, host: Host
    ) -> Iterable[Detector]:
        """Offer detectors that watch fellow nodes.

        When: once, after settings are read and before any task starts.
        Returns: zero or more detectors.
        Order: all offers are sorted by name; two of one name are a `PluginError`.
        If it raises: start-up stops, naming your plugin.

        Example::

            @hookimpl
            def proclaim_detectors(settings, host):
                yield Heartbeat(host)
        """

    @hookspec
    def proclaim_reporters(  # type: ignore[empty-body]
        self, settings: Settings, host: Host
    ) -> Iterable[Reporter]:
        """Offer the reporters that these settings ask for.

        When: once, after settings are read and before any task starts.
        Returns: zero or more reporters.
        If it raises: start-up stops, naming your plugin.

        Example::

            @hookimpl
            def proclaim_reporters(settings, host):
                if options := settings.section("metrics"):
                    yield Exposition(options["listen"], host.metrics)
        """

    @hookspec
    def proclaim_electors(  # type: ignore[empty-body]
        self, settings: Settings, host: Host
    ) -> Iterable[Elector]:
        """Offer electors, where several processes could allocate from the same pools.

        When: once, after settings are read and before any task starts.
        Returns: zero or more electors; all have to agree.  None for a process
        that follows: it never allocates.
        If it raises: start-up stops, naming your plugin.

        Example::

            @hookimpl
            def proclaim_electors(settings, host):
                if settings.authority is Authority.ALLOCATE:
                    yield LeaseElector(host.node)
        """

    @hookspec(firstresult=True)
    def proclaim_event_log(self, url: str, read_only: bool, owner: str) -> EventLog | None:
        """Open the log that a URL names.

        When: once for each command that needs a ledger.
        Returns: the opened log, or None when the URL's scheme is not yours;
        the first answer wins.
        If it raises: the command ends; raise `LedgerError` to say why.

        Example::

            @hookimpl
            def proclaim_event_log(url, read_only, owner):
                if url.startswith("redis:"):
                    return RedisLog(url, read_only)
        """

    @hookspec
    def proclaim_commands(  # type: ignore[empty-body]
        self, tools: Tools
    ) -> Iterable[typer.Typer]:
        """Offer command groups: an app named `bgp` becomes `proclaim bgp ...`.

        When: once, each time the command line starts, so import lazily.
        Returns: typer applications, each with its name.
        If it raises: the group is left out and a warning names your plugin.

        Example::

            @hookimpl
            def proclaim_commands():
                yield app  # app = typer.Typer(name="bgp", help="Look into BGP.")
        """
