"""Finding plugins by entry point, and collecting what they offer.

The built-in ones come through the same door as strangers.  Whatever goes wrong
is named after the plugin that caused it, and nothing is called after start-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar

import pluggy

from proclaim import hookspecs
from proclaim.codec import Codec
from proclaim.errors import LedgerError, PluginError, ProclaimError
from proclaim.hookspecs import Announcer, Detector, Elector, Reporter, Source, Tools
from proclaim.host import Host
from proclaim.log import EventLog
from proclaim.settings import Settings

GROUP = "proclaim"


class Named(Protocol):
    """Whatever has a name."""

    @property
    def name(self) -> str:
        """The name."""


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


class Plugins:
    """The loaded plugins, asked one by one so that an error names its plugin."""

    def __init__(self, modules: Iterable[tuple[str, object]]) -> None:
        """Register modules by name.

        Raises PluginError when one implements a hook that does not exist.
        """
        self._hooks = pluggy.PluginManager("proclaim")
        self._hooks.add_hookspecs(hookspecs.Proclaim)
        for name, module in sorted(modules, key=lambda pair: pair[0]):
            try:
                self._hooks.register(module, name)
            except (ValueError, pluggy.PluginValidationError) as error:
                raise PluginError(f"the plugin {name} cannot be loaded: {error}") from None
        try:
            self._hooks.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"a plugin implements an unknown hook: {error}") from None

    def describe(self) -> list[Plugin]:
        """The plugins by name, with what they implement."""
        return [self._describe(name) for name in self._names()]

    def codec(self) -> Codec:
        """A codec for every kind that a plugin offers."""
        return Codec(kind for _, kind in self._collect("proclaim_kinds"))

    def sources(self, settings: Settings, host: Host) -> list[Source]:
        """The sources that the settings ask for, by name."""
        return self._named("proclaim_sources", settings=settings, host=host)

    def announcers(self, settings: Settings, host: Host) -> list[Announcer]:
        """The announcers that the settings ask for, by name."""
        return self._named("proclaim_announcers", settings=settings, host=host)

    def detectors(self, settings: Settings, host: Host) -> list[Detector]:
        """The detectors that the settings ask for, by name."""
        return self._named("proclaim_detectors", settings=settings, host=host)

    def reporters(self, settings: Settings, host: Host) -> list[Reporter]:
        """The reporters that the settings ask for, by name."""
        return self._named("proclaim_reporters", settings=settings, host=host)

    def electors(self, settings: Settings, host: Host) -> list[Elector]:
        """The electors that the settings ask for, by name."""
        return self._named("proclaim_electors", settings=settings, host=host)

    def commands(self, tools: Tools) -> Iterator[tuple[str, Any]]:
        """The command groups, each with the plugin that offers it."""
        yield from self._collect("proclaim_commands", tools=tools)

    def event_log(self, url: str, read_only: bool, owner: str) -> EventLog:
        """Open the log that a URL names.

        Raises LedgerError when no plugin knows the URL, or it cannot be opened.
        """
        for name in self._names():
            log: EventLog | None = self._ask(
                name, "proclaim_event_log", url=url, read_only=read_only, owner=owner
            )
            if log is not None:
                return log
        raise LedgerError(
            f"no installed plugin can open the ledger {_without_password(url)}",
            hint="known are memory: and sqlite:PATH",
        )

    def _names(self) -> list[str]:
        return sorted(name for name, plugin in self._hooks.list_name_plugin() if plugin)

    def _describe(self, name: str) -> Plugin:
        plugin = self._hooks.get_plugin(name)
        distribution = next(
            (point.dist for point in entry_points(group=GROUP) if point.name == name), None
        )
        hooks = [
            caller.name
            for caller in self._hooks.get_hookcallers(plugin) or ()
            if caller.name.startswith("proclaim_")
        ]
        return Plugin(
            name,
            distribution.name if distribution else "",
            distribution.version if distribution else "",
            tuple(sorted(hooks)),
        )

    def _collect(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
        """What each plugin answers to a hook, by plugin name."""
        return [
            (name, item)
            for name in self._names()
            for item in self._ask(name, hook, **arguments) or ()
        ]

    def _ask(self, name: str, hook: str, **arguments: Any) -> Any:  # noqa: ANN401 - the hook's own
        """What one plugin answers: one value, or all that it offers.

        Raises PluginError naming the plugin when it raises anything of its own.
        """
        others = [self._hooks.get_plugin(other) for other in self._names() if other != name]
        try:
            answer = self._hooks.subset_hook_caller(hook, others)(**arguments)
            if not isinstance(answer, list):
                return answer  # the first result of a hook that has one
            return [item for offers in answer for item in offers or ()]
        except ProclaimError:
            raise
        except Exception as error:
            raise PluginError(
                f"the plugin {name} failed in {hook}: {type(error).__name__}: {error}",
                hint=f"the mistake is in {name}, or in what the settings say to it; run it again "
                "with PROCLAIM_DEBUG=1 to see where",
            ) from error

    def _named(self, hook: str, **arguments: Any) -> list[Any]:  # noqa: ANN401
        owners: dict[str, str] = {}
        offers: dict[str, Any] = {}
        for plugin, offer in self._collect(hook, **arguments):
            if offer.name in offers:
                raise PluginError(
                    f"the plugins {owners[offer.name]} and {plugin} both offer {offer.name!r}"
                )
            owners[offer.name], offers[offer.name] = plugin, offer
        return [offers[name] for name in sorted(offers)]


def installed() -> Plugins:
    """Load every installed plugin.

    Raises PluginError, naming the plugin, when one cannot be imported.
    """
    return Plugins((point.name, _load(point)) for point in _unique(entry_points(group=GROUP)))


def choose(offers: list[N], wanted: Iterable[str], what: str) -> list[N]:
    """Keep the offers that are named; all of them when none is.

    Raises PluginError when a name is not among them.
    """
    wanted = list(wanted)
    known = {offer.name: offer for offer in offers}
    for name in wanted:
        if name not in known:
            raise PluginError(
                f"there is no {what} {name!r}",
                hint=f"these settings give {', '.join(sorted(known)) or 'none'}",
            )
    return [known[name] for name in sorted(set(wanted))] if wanted else offers


def _unique(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    return list({point.name: point for point in points}.values())


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise PluginError(
            f"the plugin {point.name} ({point.value}) cannot be imported: {error}"
        ) from error


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if "@" in rest else url
