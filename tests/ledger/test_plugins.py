"""Plugins: found, sorted, and blamed by name when something is wrong with them."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
from ledger.worlds import FakeHost
from proclaim import Settings, SettingsError, hookimpl
from proclaim.builtin import KINDS
from proclaim.errors import LedgerError, PluginError
from proclaim.kinds import Kind
from proclaim.log import MemoryLog
from proclaim.model import Noun
from proclaim.plugins import Plugins, choose, installed


def module(**hooks) -> ModuleType:
    """A plugin's module with these hook implementations."""
    made = ModuleType("plugin")
    vars(made).update({name: hookimpl(each) for name, each in hooks.items()})
    return made


def named(*names: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(name=name) for name in names]


def offering(*names: str) -> ModuleType:
    return module(proclaim_sources=lambda: named(*names))


SETTINGS, HOST = Settings(), FakeHost()


def test_offers_are_sorted_by_name_whatever_plugin_gives_them() -> None:
    plugins = Plugins([("z", offering("b", "d")), ("a", offering("c", "a")), ("m", module())])
    assert [source.name for source in plugins.sources(SETTINGS, HOST)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("hook", ["proclaim_sources", "proclaim_announcers", "proclaim_detectors"])
def test_two_offers_of_one_name_are_refused_naming_both_plugins(hook) -> None:
    plugins = Plugins(
        [
            ("one", module(**{hook: lambda: named("x")})),
            ("two", module(**{hook: lambda: named("y", "x")})),
        ]
    )
    ask = getattr(plugins, hook.removeprefix("proclaim_"))
    with pytest.raises(PluginError, match="the plugins one and two both offer 'x'"):
        ask(SETTINGS, HOST)


def test_two_kinds_of_one_name_are_refused() -> None:
    theirs = module(proclaim_kinds=lambda: [Kind("Service", Noun)])
    plugins = Plugins([("core", module(proclaim_kinds=lambda: KINDS)), ("theirs", theirs)])
    with pytest.raises(PluginError, match="the kind Service is offered by two plugins"):
        plugins.codec()


def raising(error: Exception):
    def hook():
        raise error

    return hook


def lazily_raising():
    yield SimpleNamespace(name="x")
    raise OSError("later")


@pytest.mark.parametrize("hook", ["proclaim_sources", "proclaim_announcers", "proclaim_detectors"])
def test_a_hook_that_raises_is_named_with_its_plugin(hook) -> None:
    ask = hook.removeprefix("proclaim_")
    bad = module(**{hook: raising(OSError("no such device"))})
    plugins = Plugins([("good", module(**{hook: lambda: named("x")})), ("bad", bad)])
    with pytest.raises(
        PluginError, match=f"plugin bad failed in {hook}: OSError: no such device"
    ) as raised:
        getattr(plugins, ask)(SETTINGS, HOST)
    assert raised.value.hint.startswith("the mistake is in bad, or in what the settings say to it")
    plugins = Plugins([("lazy", module(**{hook: lazily_raising}))])
    with pytest.raises(PluginError, match=f"plugin lazy failed in {hook}: OSError: later"):
        getattr(plugins, ask)(SETTINGS, HOST)


def test_a_plugins_own_words_are_passed_on() -> None:
    def proclaim_sources(settings):
        raise settings.error("x.url", "is missing")

    plugins = Plugins([("x", module(proclaim_sources=proclaim_sources))])
    with pytest.raises(SettingsError, match=r"^settings: x\.url: is missing$"):
        plugins.sources(SETTINGS, HOST)


def test_a_hook_may_take_any_of_its_arguments_and_answer_nothing() -> None:
    heard = []

    def proclaim_announcers(host):
        heard.append(host)

    plugins = Plugins([("x", module(proclaim_announcers=proclaim_announcers))])
    assert plugins.announcers(SETTINGS, HOST) == []
    assert heard == [HOST]


def test_an_unknown_hook_is_refused() -> None:
    with pytest.raises(PluginError, match="proclaim_soucres"):
        Plugins([("x", module(proclaim_soucres=lambda: iter(())))])


def test_an_unknown_argument_is_refused_naming_the_plugin() -> None:
    with pytest.raises(PluginError, match="the plugin x cannot be loaded"):
        Plugins([("x", module(proclaim_sources=lambda colour: []))])


def test_two_plugins_of_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="the plugin x cannot be loaded"):
        Plugins([("x", offering("a")), ("x", offering("b"))])


def test_logs_are_opened_by_whoever_knows_the_url() -> None:
    opened = []

    def proclaim_event_log(url, read_only, owner):
        opened.append((url, read_only, owner))
        return MemoryLog() if url.startswith("theirs:") else None

    plugins = Plugins([("x", module(proclaim_event_log=proclaim_event_log))])
    assert isinstance(plugins.event_log("theirs:1", read_only=True, owner="me"), MemoryLog)
    assert opened == [("theirs:1", True, "me")]


def test_an_unknown_url_is_refused_without_its_password() -> None:
    plugins = Plugins([])
    with pytest.raises(LedgerError, match="postgresql://db/x") as caught:
        plugins.event_log("postgresql://me:secret@db/x", read_only=True, owner="me")
    assert "secret" not in caught.value.message
    assert "sqlite:PATH" in caught.value.hint


def test_a_log_that_cannot_be_opened_for_another_reason_names_its_plugin() -> None:
    plugins = Plugins([("x", module(proclaim_event_log=lambda: 1 / 0))])
    with pytest.raises(PluginError, match="plugin x failed in proclaim_event_log: ZeroDivision"):
        plugins.event_log("theirs:1", read_only=True, owner="me")


def test_choosing_keeps_what_is_named_and_says_what_there_is() -> None:
    offers = named("a", "b", "c")
    assert choose(offers, [], "source") == offers
    assert [each.name for each in choose(offers, ["c", "a", "c"], "source")] == ["a", "c"]
    with pytest.raises(PluginError, match="there is no source 'x'") as caught:
        choose(offers, ["a", "x"], "source")
    assert "a, b, c" in caught.value.hint


def test_the_core_comes_through_the_same_door() -> None:
    plugins = installed()
    described = {plugin.name: plugin for plugin in plugins.describe()}
    assert [plugin.name for plugin in plugins.describe()] == sorted(described)
    core = [each for each in described.values() if each.distribution == "proclaim"]
    assert core
    assert core[0].hooks == ("proclaim_event_log", "proclaim_kinds")
    assert set(plugins.codec().kinds) >= {kind.name for kind in KINDS}
    assert isinstance(plugins.event_log("memory:", read_only=False, owner="me"), MemoryLog)
